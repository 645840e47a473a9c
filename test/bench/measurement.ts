/** Runs the steps of a scenario against a broker and takes the figures. */
import { setTimeout as sleep } from 'node:timers/promises';
import { declareTopicBindings } from './bindings.ts';
import type { BrokerProcess } from './broker-process.ts';
import { diskUseMib } from './disk.ts';
import { firstMessage } from './first-message.ts';
import { type Figures, runLoad } from './load.ts';
import { greeting, type Meanwhile, scraping } from './meanwhile.ts';
import type { Beside, DiskUseStep, LoadStep, RestartStep, Step } from './scenario.ts';

/** The placeholders in the options of amqpload. */
export interface Sizes {
  readonly seconds: number;
  readonly backlog: number;
  readonly bodyBytes: number;
  /** `undefined`: as many as the scenario says. */
  readonly queues: number | undefined;
}

/** One moment of a run. */
export interface Sample {
  /** The step's label. */
  readonly label: string;
  /** Since the first sample of the scenario. */
  readonly seconds: number;
  readonly messagesPerSecond: number;
  readonly rssAnonMib: number;
}

/** A broker under measurement: what its steps have shown over time. */
export class Measurement {
  readonly samples: Sample[] = [];
  readonly #program: string;
  readonly #broker: BrokerProcess;
  readonly #sizes: Sizes;
  readonly #startedAt = performance.now();

  constructor(program: string, broker: BrokerProcess, sizes: Sizes) {
    this.#program = program;
    this.#broker = broker;
    this.#sizes = sizes;
  }

  /** No figures where the broker cannot do the step. */
  async run(step: Step): Promise<Figures> {
    switch (step.kind) {
      case 'load':
        return this.#load(step);
      case 'bind':
        await declareTopicBindings(this.#broker.port, step.topology);
        return new Map();
      case 'restart':
        return this.#restart(step);
      case 'disk-use':
        return this.#diskUse(step);
    }
  }

  async #load(step: LoadStep): Promise<Figures> {
    const options = this.#options(step.options);
    const meanwhile = step.beside === undefined ? undefined : this.#begin(step.beside);
    const before = this.#broker.usage();
    let withFigures = before;
    let peakMib = before.rssAnonMib;
    const figures = await this.#run(options, {
      progress: ({ published, delivered }) => {
        const { rssAnonMib } = this.#broker.usage();
        peakMib = Math.max(peakMib, rssAnonMib);
        if (step.label === undefined) return;
        const seconds = (performance.now() - this.#startedAt) / 1000;
        const messagesPerSecond = published + delivered;
        this.samples.push({ label: step.label, seconds, messagesPerSecond, rssAnonMib });
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

  #run(options: string, on: Parameters<typeof runLoad>[3]): Promise<Figures> {
    return runLoad(this.#program, this.#broker.port, options, on);
  }

  /** Fills in the sizes. */
  #options(options: string): string {
    const { seconds, backlog, bodyBytes, queues } = this.#sizes;
    return options
      .replaceAll('{seconds}', `${seconds}`)
      .replaceAll('{backlog}', `${backlog}`)
      .replaceAll('{size}', `${bodyBytes}`)
      .replaceAll(/\{queues:(\d+)\}/g, (_, usual: string) => `${queues ?? usual}`);
  }

  #begin(beside: Beside): Meanwhile {
    switch (beside.kind) {
      case 'load': {
        const load = this.#run(this.#options(beside.options), { progress() {}, figures() {} });
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
