/** Runs the steps of a scenario against a broker and takes the figures. */
import { setTimeout as sleep } from 'node:timers/promises';
import { declareTopicBindings } from './bindings.ts';
import type { Bound } from './bound.ts';
import type { BrokerProcess } from './broker-process.ts';
import type { BrokerName } from './brokers.ts';
import { Disk } from './disk.ts';
import { diskUseMib } from './disk-use.ts';
import { firstMessage } from './first-message.ts';
import { bodyBytesOf, type Figures, runLoad } from './load.ts';
import { Loopback } from './loopback.ts';
import { greeting, type Meanwhile, scraping } from './meanwhile.ts';
import type { StepFigures } from './results.ts';
import type { Beside, DiskUseStep, LoadStep, RestartStep, Step, StepBound } from './scenario.ts';

export interface MeasurementOptions {
  /** The compiled programs. */
  readonly amqpload: string;
  readonly relay: string;
  // What stands for the placeholders in the options of amqpload.
  readonly seconds: number;
  readonly backlog: number;
  readonly bodyBytes: number;
  /** `undefined`: as many as the scenario says. */
  readonly queues: number | undefined;
}

/** One moment of a run. */
export interface Sample {
  /** The step's, or the name of a bound. */
  readonly label: string;
  /** Since the scenario began. */
  readonly seconds: number;
  readonly messagesPerSecond: number;
  /** Of the broker under load; a bound has none. */
  readonly rssAnonMib?: number;
}

/** A broker under measurement: what its steps have shown over time. */
export class Measurement {
  readonly samples: Sample[] = [];
  readonly #name: BrokerName;
  readonly #broker: BrokerProcess;
  readonly #options: MeasurementOptions;
  readonly #startedAt = performance.now();
  #latestLoad: Figures = new Map();

  constructor(name: BrokerName, broker: BrokerProcess, options: MeasurementOptions) {
    this.#name = name;
    this.#broker = broker;
    this.#options = options;
  }

  /** No figures where the broker cannot do the step. */
  async run(step: Step): Promise<StepFigures> {
    switch (step.kind) {
      case 'load':
        return this.#boundedLoad(step);
      case 'bind':
        await declareTopicBindings(this.#broker.port, step.topology);
        return new Map();
      case 'restart':
        return new Map([[this.#name, await this.#restart(step)]]);
      case 'disk-use':
        return new Map([[this.#name, await this.#diskUse(step)]]);
    }
  }

  /** The load and, around it if the broker is Leveret, what bounds it. */
  async #boundedLoad(step: LoadStep): Promise<StepFigures> {
    const bounds = this.#name === 'leveret' ? this.#boundsOf(step) : [];
    const measure = (bound: Bound) => this.#measureBound(bound, step);
    try {
      bounds.forEach(measure);
      this.#latestLoad = await this.#load(step);
      bounds.forEach(measure);
      return new Map([
        [this.#name, this.#latestLoad],
        ...bounds.map((bound) => [bound.name, bound.figures()] as const),
      ]);
    } finally {
      for (const bound of bounds) bound.close();
    }
  }

  #boundsOf({ bounds = [], options }: LoadStep): Bound[] {
    const bodyBytes = bodyBytesOf(this.#filledIn(options));
    return bounds.map((bound: StepBound) =>
      bound.name === 'disk'
        ? new Disk(bodyBytes, bound.mibMax)
        : new Loopback(this.#options.relay, bodyBytes),
    );
  }

  /** Takes half of the time of a run; it is in the plot if the step is. */
  #measureBound(bound: Bound, { label }: LoadStep): void {
    const from = this.#seconds();
    const messagesPerSecond = bound.measure(this.#options.seconds / 2, this.#latestLoad);
    if (label === undefined) return;
    for (const seconds of [from, this.#seconds()]) {
      this.samples.push({ label: bound.name, seconds, messagesPerSecond });
    }
  }

  /** Since the scenario began. */
  #seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  async #load(step: LoadStep): Promise<Figures> {
    const meanwhile = step.beside === undefined ? undefined : this.#begin(step.beside);
    const before = this.#broker.usage();
    let withFigures = before;
    let peakMib = before.rssAnonMib;
    const figures = await this.#runLoad(step.options, {
      progress: ({ published, delivered }) => {
        const { rssAnonMib } = this.#broker.usage();
        peakMib = Math.max(peakMib, rssAnonMib);
        if (step.label === undefined) return;
        const messagesPerSecond = published + delivered;
        this.samples.push({ label: step.label, seconds: this.#seconds(), messagesPerSecond, rssAnonMib });
      },
      figures: () => {
        withFigures = this.#broker.usage();
      },
    });
    const after = this.#broker.usage();
    return new Map([
      ...figures,
      ...((await meanwhile?.end()) ?? []),
      ['broker_cpu_us', after.cpuUs - before.cpuUs],
      ['rss_before_mib', before.rssAnonMib],
      ['rss_mib', withFigures.rssAnonMib],
      ['rss_peak_mib', Math.max(peakMib, withFigures.rssAnonMib)],
      ['rss_growth_mib', withFigures.rssAnonMib - before.rssAnonMib],
    ]);
  }

  #runLoad(options: string, on: Parameters<typeof runLoad>[3]): Promise<Figures> {
    return runLoad(this.#options.amqpload, this.#broker.port, this.#filledIn(options), on);
  }

  #filledIn(options: string): string {
    const { seconds, backlog, bodyBytes, queues } = this.#options;
    return options
      .replaceAll('{seconds}', `${seconds}`)
      .replaceAll('{backlog}', `${backlog}`)
      .replaceAll('{size}', `${bodyBytes}`)
      .replaceAll(/\{queues:(\d+)\}/g, (_, usual: string) => `${queues ?? usual}`);
  }

  #begin(beside: Beside): Meanwhile {
    switch (beside.kind) {
      case 'load': {
        const load = this.#runLoad(beside.options, { progress() {}, figures() {} });
        const renamed = (figures: Figures) => new Map([...figures].map(([name, n]) => [`beside_${name}`, n]));
        return { end: () => load.then(renamed) };
      }
      case 'greet':
        return greeting(this.#broker.port);
      case 'scrape':
        return scraping(this.#broker.metricsPort, beside.everyMs);
    }
  }

  async #restart(step: RestartStep): Promise<Figures> {
    if (this.#broker.directory === undefined) return new Map();
    const startedAt = await this.#broker.restart(step.signal);
    await firstMessage(this.#broker.port, step.queue);
    return new Map([['first_message_ms', performance.now() - startedAt]]);
  }

  async #diskUse(step: DiskUseStep): Promise<Figures> {
    const { directory } = this.#broker;
    if (directory === undefined) return new Map();
    await sleep(step.settleSeconds * 1000);
    return new Map([['disk_mib', await diskUseMib(directory)]]);
  }
}
