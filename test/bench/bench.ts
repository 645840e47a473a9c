import type { BrokerProcess } from './broker-process.ts';
import type { Broker, BrokerName } from './brokers.ts';
import { Measurement, type MeasurementOptions, type Sample } from './measurement.ts';
import { type Row, type Run, rowsOf, type StepFigures } from './results.ts';
import type { Scenario } from './scenario.ts';
import { openFilesMax } from './usage.ts';
import { declareWaitingQueue } from './waiting-queue.ts';

export interface BenchOptions extends MeasurementOptions {
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
    const runs: Run[] = [];
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      for (const broker of this.#brokers.filter((each) => each.canRun(scenario))) {
        this.#options.note(`${scenario.name}: ${broker.name}, ${repetition} of ${repetitions}`);
        try {
          runs.push(await this.#runOnce(scenario, broker));
        } catch (error) {
          this.#failed(`${scenario.name}, ${broker.name}: ${error instanceof Error ? error.message : error}`);
        }
      }
    }
    this.rows.push(...rowsOf(scenario, runs));
  }

  async #runOnce(scenario: Scenario, broker: Broker): Promise<Run> {
    const process = await this.#processOf(scenario, broker);
    const measurement = new Measurement(broker.name, process, this.#options);
    const run: StepFigures[] = [];
    let done = false;
    try {
      const standIn = broker.name === 'rabbitmq' && scenario.rabbitmq ? scenario.rabbitmq : undefined;
      if (standIn?.waitingQueue !== undefined) {
        await declareWaitingQueue(process.port, standIn.waitingQueue);
      }
      for (const step of standIn?.steps ?? scenario.steps) run.push(await measurement.run(step));
      done = true;
    } finally {
      if (!broker.keep || scenario.fresh || !done) {
        this.#kept.delete(broker.name);
        await process.stop();
      }
    }
    const { samples } = measurement;
    if (samples.length > 0) this.courses.push({ scenario: scenario.name, broker: broker.name, samples });
    return run;
  }

  async #processOf(scenario: Scenario, broker: Broker): Promise<BrokerProcess> {
    const kept = this.#kept.get(broker.name);
    if (kept !== undefined && !scenario.fresh) return kept;
    await kept?.stop();
    const process = await broker.start(scenario);
    if (broker.keep) this.#kept.set(broker.name, process);
    return process;
  }

  #failed(line: string): void {
    this.#options.note(line);
    this.failures.push(line);
  }
}
