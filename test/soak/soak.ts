import { setTimeout as delay } from 'node:timers/promises';
import { ServerProcess } from '../crash/server-process.ts';
import { randomNumbers } from '../storage/crash/random.ts';
import { newDirectory, removeDirectories } from '../storage/support.ts';
import { Client } from './client.ts';
import { churnDefinitions } from './definitions-churn.ts';
import { withCollector } from './garbage.ts';
import { Lane, type LaneHost, type LaneTally } from './lane.ts';
import { laneKinds } from './lane-kinds.ts';
import { compare, describe, fillingMargin, type Measurement, measure, steadyMargin } from './measurement.ts';

/** Files take over from each other as often as the settings allow. */
const flags = ['--generation-size', '16MiB'];

/** A message that has to come gets this long, as long as no other one comes. */
const noProgressMs = 30_000;

/** Work between two measurements of one broker. */
const roundMs = 12_000;

/** Rounds before the first measurement that counts. */
const warmUpRounds = 2;

/** Rounds after which nothing is to grow any more; short runs never get there. */
const steadyRounds = 9;

/** Lives that end in the middle of work, between two long ones. */
const shortLives = 6;
const shortLifeMsMax = 5_000;

/** How often a broker is killed rather than asked to stop. */
const killShare = 0.7;

/** Figures of a run. */
interface Tally extends LaneTally {
  kills: number;
  stops: number;
  measurements: number;
  generations: number;
}

/**
 * Random clients at work on a broker for a long time, while it is killed, stopped and measured.
 *
 * A long life of a broker is cut into rounds: work, then nothing; what it takes without messages and clients must
 * not grow. Between long lives come short ones that end in the middle of work.
 */
class Soak implements LaneHost {
  readonly random: () => number;
  readonly #minutes: number;
  readonly #dataDir = newDirectory();
  readonly #tally: Tally = {
    published: 0,
    confirmed: 0,
    refused: 0,
    received: 0,
    givenBack: 0,
    breaks: 0,
    kills: 0,
    stops: 0,
    measurements: 0,
    generations: 0,
  };
  readonly #lanes: readonly Lane[];
  readonly #endsAt: number;
  #server: ServerProcess | undefined;
  #failure: Error | undefined;
  #isChurning = false;
  #lives = 0;
  #churn: Promise<unknown> = Promise.resolve();
  #last: Measurement | undefined;
  url = '';

  constructor(minutes: number, seed: number) {
    this.random = randomNumbers(seed);
    this.#minutes = minutes;
    this.#lanes = laneKinds.map((kind) => new Lane(kind, this, this.#tally));
    this.#endsAt = performance.now() + minutes * 60_000;
  }

  connect(): Promise<Client> {
    return Client.connect(this.url);
  }

  failed(error: Error): void {
    this.#failure ??= error;
  }

  get summary(): string {
    const figures = Object.entries(this.#tally).map(([name, value]) => `${name} ${value}`);
    return `${figures.join(', ')}${this.#last === undefined ? '' : `; idle: ${describe(this.#last)}`}`;
  }

  /** @throws Error saying what is wrong */
  async run(): Promise<void> {
    try {
      while (performance.now() < this.#endsAt) {
        await this.#liveLong();
        for (let i = 0; i < shortLives && performance.now() < this.#endsAt; i++) await this.#liveShort();
      }
      await this.#start();
      await this.#startWork();
      await this.#drain();
      await this.#end(false);
    } finally {
      await this.#server?.kill();
    }
  }

  /** A tenth of the time, three minutes at most, and never too short to compare anything. */
  get #roundsPerLife(): number {
    const rounds = Math.min((this.#minutes * 60_000) / 10, 180_000) / roundMs;
    return Math.max(warmUpRounds + 2, Math.floor(rounds));
  }

  async #liveLong(): Promise<void> {
    const server = await this.#start();
    this.#lives++;
    let before: Measurement | undefined;
    let steady: Measurement | undefined;
    for (let round = 1; round <= this.#roundsPerLife; round++) {
      await this.#startWork();
      await this.#work(roundMs);
      await this.#drain();
      const now = await measure(server, this.#dataDir);
      this.#last = now;
      process.stdout.write(`life ${this.#lives}, round ${round}: ${describe(now)}\n`);
      this.#tally.measurements++;
      if (round >= warmUpRounds) before ??= now;
      if (before !== undefined) compare(before, now, fillingMargin);
      if (round >= steadyRounds) steady ??= now;
      if (steady !== undefined) compare(steady, now, steadyMargin);
    }
    await this.#startWork();
    await this.#work(1_000);
    await this.#end(this.random() < killShare);
  }

  async #liveShort(): Promise<void> {
    await this.#start();
    await this.#startWork();
    await this.#work(this.random() * shortLifeMsMax);
    await this.#end(this.random() < killShare);
  }

  async #start(): Promise<ServerProcess> {
    const { server, url } = await ServerProcess.start({ dataDir: this.#dataDir, flags, env: withCollector });
    this.#server = server;
    this.url = url;
    return server;
  }

  async #startWork(): Promise<void> {
    for (const lane of this.#lanes) lane.start();
    this.#isChurning = true;
    this.#churn = churnDefinitions(
      () => this.connect(),
      this.random,
      () => this.#isChurning,
    );
  }

  /** @throws Error as soon as something is found to be wrong */
  async #work(ms: number): Promise<void> {
    const endsAt = performance.now() + ms;
    while (performance.now() < endsAt) {
      await delay(Math.min(50, ms));
      this.#check();
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const complaint = this.#server?.complaints[0];
    if (complaint !== undefined) throw new Error(`the broker writes to standard error: ${complaint}`);
  }

  /** Everything confirmed comes, then all clients go. */
  async #drain(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.drain(noProgressMs)));
    await this.#stopWork();
    this.#check();
  }

  async #stopWork(): Promise<void> {
    this.#isChurning = false;
    await Promise.all([...this.#lanes.map((lane) => lane.stop()), this.#churn]);
  }

  async #end(isKilled: boolean): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    if (isKilled) {
      this.#tally.kills++;
      await server.kill();
    } else {
      this.#tally.stops++;
      const exitCode = await server.stop();
      if (exitCode !== 0) throw new Error(`the broker ended with exit code ${exitCode}:\n${server.log}`);
    }
    await this.#stopWork();
    this.#check();
    this.#tally.generations += server.generationsRemoved;
    for (const lane of this.#lanes) lane.restarted();
  }
}

const minutes = Number(process.env['LEVERET_SOAK_MINUTES'] ?? 30);
const seed = Number(process.env['LEVERET_SEED'] ?? Date.now() % 1e9);
const soak = new Soak(minutes, seed);
const startedAt = performance.now();
const reporter = setInterval(() => {
  const passed = Math.round((performance.now() - startedAt) / 60_000);
  process.stdout.write(`minute ${passed}: ${soak.summary}\n`);
}, 60_000);
try {
  await soak.run();
  process.stdout.write(`survived ${minutes} minutes: ${soak.summary}\n`);
} catch (error) {
  const text = error instanceof Error ? error.stack : String(error);
  process.stdout.write(`${text}\n${soak.summary}\n`);
  process.stdout.write(`to repeat: LEVERET_SEED=${seed} LEVERET_SOAK_MINUTES=${minutes} npm run soak\n`);
  process.exitCode = 1;
} finally {
  clearInterval(reporter);
  removeDirectories();
}
// After a failure clients may still be at it.
process.exit();
