import type { BrokerProcess } from './broker-process.ts';
import type { Broker, BrokerName } from './brokers.ts';
import { diskLatency, diskThroughput } from './disk.ts';
import type { Figures } from './load.ts';
import { Measurement, type Sample, type Sizes } from './measurement.ts';
import { type ColumnName, type Row, rowsOf } from './results.ts';
import type { Scenario } from './scenario.ts';
import { openFilesMax } from './usage.ts';
import { declareWaitingQueue } from './waiting-queue.ts';

const bodyBytes = 1024;

export interface BenchOptions extends Sizes {
  /** amqpload. */
  readonly program: string;
  readonly repetitions: number;
  /** Tells people how far it is. */
  note(line: string): void;
}

/** How one broker fared over time in one scenario. */
export interface Course {
  readonly scenario: string;
  readonly broker: BrokerName;
  readonly samples: readonly Sample[];
}

/** Measures scenario after scenario; the results are there to be read at any time. */
export class Bench {
  readonly rows: Row[] = [];
  readonly courses: Course[] = [];
  /** What could not be measured, and why. */
  readonly failures: string[] = [];
  readonly #brokers: readonly Broker[];
  readonly #options: BenchOptions;
  readonly #kept = new Map<BrokerName, BrokerProcess>();

  constructor(brokers: readonly Broker[], options: BenchOptions) {
    this.#brokers = brokers;
    this.#options = options;
  }

  /** All repetitions: each broker once, then each once more, so that all see the same weather. */
  async measure(scenario: Scenario): Promise<void> {
    if ((scenario.openFiles ?? 0) > openFilesMax()) {
      this.#failed(
        `${scenario.name}: needs ${scenario.openFiles} open files, ulimit -n is ${openFilesMax()}`,
      );
      return;
    }
    const repetitions = Math.min(
      this.#options.repetitions,
      scenario.repetitionsMax ?? Number.POSITIVE_INFINITY,
    );
    const runs = new Map<ColumnName, Figures[][]>();
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      for (const broker of this.#brokers.filter((each) => each.canRun(scenario))) {
        this.#options.note(`${scenario.name}: ${broker.name}, ${repetition} of ${repetitions}`);
        try {
          const figures = await this.#runOnce(scenario, broker);
          add(runs, broker.name, figures);
          if (broker.name === 'leveret') add(runs, 'disk', this.#disk(scenario, figures));
        } catch (error) {
          this.#failed(`${scenario.name}, ${broker.name}: ${error instanceof Error ? error.message : error}`);
        }
      }
    }
    this.rows.push(...rowsOf(scenario, runs));
  }

  /** The figures of each step. */
  async #runOnce(scenario: Scenario, broker: Broker): Promise<Figures[]> {
    const process = await this.#processOf(scenario, broker);
    const measurement = new Measurement(this.#options.program, process, this.#options);
    const figures: Figures[] = [];
    let done = false;
    try {
      const standIn = broker.name === 'rabbitmq' && scenario.rabbitmq ? scenario.rabbitmq : undefined;
      if (standIn?.waitingQueue !== undefined) {
        await declareWaitingQueue(process.port, standIn.waitingQueue);
      }
      for (const step of standIn?.steps ?? scenario.steps) figures.push(await measurement.run(step));
      done = true;
    } finally {
      if (!broker.keep || scenario.fresh || !done) {
        this.#kept.delete(broker.name);
        await process.stop();
      }
    }
    const { samples } = measurement;
    if (samples.length > 0) this.courses.push({ scenario: scenario.name, broker: broker.name, samples });
    return figures;
  }

  async #processOf(scenario: Scenario, broker: Broker): Promise<BrokerProcess> {
    const kept = this.#kept.get(broker.name);
    if (kept !== undefined && !scenario.fresh) return kept;
    await kept?.stop();
    const process = await broker.start(scenario);
    if (broker.keep) this.#kept.set(broker.name, process);
    return process;
  }

  /** The yardstick that a scenario asks for; it stands beside the figures of the first step that has any to show. */
  #disk(scenario: Scenario, figures: readonly Figures[]): Figures[] {
    const step = scenario.steps.findIndex(({ metrics }) => metrics.length > 0);
    const measured = figures[step];
    if (scenario.disk === undefined || measured === undefined) return [];
    const { seconds } = this.#options;
    const before: Figures[] = figures.slice(0, step).map(() => new Map());
    return [
      ...before,
      scenario.disk === 'latency' ? diskLatency(seconds) : diskThroughput(measured, bodyBytes, seconds),
    ];
  }

  #failed(line: string): void {
    this.#options.note(line);
    this.failures.push(line);
  }
}

function add(runs: Map<ColumnName, Figures[][]>, column: ColumnName, figures: readonly Figures[]): void {
  const steps = runs.get(column) ?? [];
  runs.set(column, steps);
  for (const [index, each] of figures.entries()) {
    const repetitions = steps[index];
    if (repetitions === undefined) steps[index] = [each];
    else repetitions.push(each);
  }
}
