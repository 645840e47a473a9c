import { randomInt } from 'node:crypto';
import { ExitCode } from '../exit-code.ts';
import type { GivenFlags } from '../flags.ts';
import { Arrivals } from './arrivals.ts';
import { Client, type ClientEvents } from './client.ts';
import { Consumer } from './consumer.ts';
import { Meters } from './meters.ts';
import { type PerfOptions, perfOptions } from './options.ts';
import { Producer, type Target } from './producer.ts';
import { LiveReport, type PerfSummary, summaryText } from './report.ts';
import { Topology } from './topology.ts';

/** Messages that have not come this long after the last one are lost. */
const drainTimeoutMs = 5000;
const reportIntervalMs = 1000;
const pollIntervalMs = 20;
/** Connections that are opened at the same time. */
const openingMax = 50;

const quiet: ClientEvents = { method() {}, header() {}, body() {}, chunkEnd() {} };

/**
 * `leveret perf`: puts load on a broker, prints a line a second and a summary.
 *
 * @returns ExitCode.Data when messages were lost, came twice or out of order.
 * @throws CommandError when the command line is wrong or the broker cannot be used.
 */
export async function runPerf(given: GivenFlags): Promise<ExitCode> {
  const options = perfOptions(given);
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  // JSON is for programs: live lines go where people look.
  const live = (line: string) => void (options.json ? process.stderr : process.stdout).write(`${line}\n`);
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  const summary = await measure(options, live, interrupted);
  print(options.json ? JSON.stringify(summary) : summaryText(summary, options));
  const flawless = summary.lost === 0 && summary.duplicates === 0 && summary.reordered === 0;
  return flawless ? ExitCode.Ok : ExitCode.Data;
}

/** One run, from declaring the queues to deleting them. Publishing ends early when `interrupted` resolves. */
export async function measure(
  options: PerfOptions,
  live: (line: string) => void,
  interrupted: Promise<void>,
): Promise<PerfSummary> {
  const run = randomInt(1, 2 ** 16);
  const topology = new Topology(options, run);
  const meters = new Meters();
  const control = await Client.open(options.uri, quiet);
  await topology.declare(control);

  const arrivals = topology.queues.map(() => Array.from({ length: options.producers }, () => new Arrivals()));
  const targets = Array.from({ length: options.producers }, (_, id) => topology.targetsOf(id));
  const consumers = Array.from({ length: options.consumers }, (_, index) => {
    const queue = index % topology.queues.length;
    return new Consumer(options, topology.queues[queue] ?? '', run, arrivals[queue] ?? [], meters);
  });
  const producers = targets.map((own, id) => new Producer(options, id, run, own, meters));

  const clients = await openAll([...consumers, ...producers]);
  const lost = Promise.race([control, ...clients].map((client) => client.lost));
  const report = new LiveReport(options, meters, live);
  const reporting = setInterval(() => report.line(), reportIntervalMs);
  const startedMs = performance.now();
  let stoppedMs = startedMs;
  try {
    for (const producer of producers) producer.start();
    await Promise.race([publishing(options, producers, consumers, interrupted), lost]);
    stoppedMs = performance.now();
    for (const producer of producers) producer.stop();
    await Promise.race([draining(options, meters, topology, targets, producers), lost]);
  } finally {
    clearInterval(reporting);
  }
  for (const consumer of consumers) consumer.acknowledgeRest();
  await Promise.all(clients.map((client) => client.close()));
  await topology.remove(control);
  await control.close();
  return summarize({ options, meters, topology, targets, arrivals, startedMs, stoppedMs });
}

async function openAll(peers: readonly { open(): Promise<Client> }[]): Promise<Client[]> {
  const clients: Client[] = [];
  for (let at = 0; at < peers.length; at += openingMax) {
    clients.push(...(await Promise.all(peers.slice(at, at + openingMax).map((peer) => peer.open()))));
  }
  return clients;
}

/** Resolves when publishing (or, without producers, consuming) has gone on as long as was asked for. */
function publishing(
  options: PerfOptions,
  producers: readonly Producer[],
  consumers: readonly Consumer[],
  interrupted: Promise<void>,
): Promise<unknown> {
  const ends: Promise<unknown>[] = [interrupted];
  if (options.seconds > 0) ends.push(sleep(options.seconds * 1000));
  if (options.messages > 0) {
    ends.push(
      producers.length > 0
        ? Promise.all(producers.map((producer) => producer.finished()))
        : until(() => consumers.every((consumer) => consumer.consumed >= options.messages)),
    );
  }
  return Promise.race(ends);
}

/** Waits for confirms and deliveries that are under way, as long as some keep coming. */
async function draining(
  options: PerfOptions,
  meters: Meters,
  topology: Topology,
  targets: readonly (readonly Target[])[],
  producers: readonly Producer[],
): Promise<void> {
  if (options.producers === 0) return;
  let finished = false;
  void Promise.all(producers.map((producer) => producer.finished())).then(() => {
    finished = true;
  });
  let progress = -1;
  let progressMs = performance.now();
  await until(() => {
    const now = meters.confirmed + meters.nacked + meters.consumed;
    if (now !== progress) {
      progress = now;
      progressMs = performance.now();
    }
    const consumed = meters.consumed - meters.foreign - meters.redelivered;
    const expected = options.consumers === 0 ? 0 : expectedDeliveries(topology, targets) - meters.nacked;
    return (finished && consumed >= expected) || performance.now() - progressMs > drainTimeoutMs;
  });
}

function expectedDeliveries(topology: Topology, targets: readonly (readonly Target[])[]): number {
  const published = targets.flat().reduce((sum, target) => sum + target.published, 0);
  return published * (topology.isBroadcast ? topology.queues.length : 1);
}

function summarize(result: {
  options: PerfOptions;
  meters: Meters;
  topology: Topology;
  targets: readonly (readonly Target[])[];
  arrivals: readonly (readonly Arrivals[])[];
  startedMs: number;
  stoppedMs: number;
}): PerfSummary {
  const { options, meters } = result;
  const seconds = (result.stoppedMs - result.startedMs) / 1000;
  const all = result.arrivals.flat();
  const arrived = all.reduce((sum, each) => sum + each.distinct, 0);
  // A message that was nacked may be gone.
  const expected = expectedDeliveries(result.topology, result.targets) - meters.nacked;
  return {
    seconds,
    published: meters.published,
    publishRate: meters.published / seconds,
    confirmed: meters.confirmed,
    nacked: meters.nacked,
    unconfirmed: options.confirmWindow > 0 ? meters.published - meters.confirmed - meters.nacked : 0,
    consumed: meters.consumed,
    consumeRate:
      meters.consumed === 0 ? 0 : (meters.consumed * 1000) / (meters.lastConsumedMs - result.startedMs),
    lost: options.consumers > 0 ? Math.max(0, expected - arrived) : 0,
    duplicates: all.reduce((sum, each) => sum + each.duplicates, 0),
    reordered: meters.reordered,
    redelivered: meters.redelivered,
    foreign: meters.foreign,
    endToEndMs: meters.endToEnd.total(),
    confirmMs: meters.confirm.total(),
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(pollIntervalMs);
}
