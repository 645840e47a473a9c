/**
 * `npm run bench:profile`: what each step of a message's way costs. Runs Leveret under V8's sampling profiler
 * with one load, and sums up the samples by the step that the code belongs to. Steps are those of
 * ARCHITECTURE.md ("What a message costs"). Native code counts for the JavaScript function that called it,
 * kernel time included; the threads of libuv and V8 do not count. Samples tell shares; what they are shares of is
 * the CPU time of the main thread, since a busy machine makes everything take longer.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BrokerProcess } from './broker-process.ts';
import { freePort } from './brokers.ts';
import { compile } from './compile.ts';
import { runLoad } from './load.ts';

const help = `npm run bench:profile -- [options]
  --options=<text>    options of amqpload (see amqpload.c): what kind of load
  --prepare=<text>    options of one run before, say to fill what is to be read
  --messages <n>      messages to measure (1000000), after a fifth as many to warm up
  --functions <n>     the most expensive functions as well (0)`;

const persistent = '--persistent --durable --confirm 1000 --ack-every 100 --prefetch 1000';
const program = 'dist/cli/leveret.js';
const sourceMaps = new Map<string, SourceMap>();

/** The first step whose pattern fits the path of a file, within the source tree or Node's. */
const steps: readonly (readonly [step: string, pattern: RegExp])[] = [
  ['frames: cut the chunk', /^protocol\/(frame-reader|bytes)/],
  [
    'content: put the message together',
    /^(server\/publishing\/(content|scratch-pool|address)|broker\/message|protocol\/(properties|basic-))/,
  ],
  [
    'publish: check and route',
    /^(server\/(publishing\/publisher|connection|channel|sockets)|broker\/(rout|exch|virt|topology))/,
  ],
  ['queue: append, take, settle', /^broker\/(log|queue|stream|turn|broker)/],
  ['deliver: write and remember', /^server\/(output|deliveries)/],
  ['confirm', /^server\/publishing\/confirms/],
  ['journal: hand the write over', /^(storage\/journal\/journal-file|node:fs)/],
  ['commit: gather, checksum, check', /^(broker\/committer|storage\/|node:(zlib|internal\/(fs|zlib)))/],
  ['LMDB: hand over, wake its thread', /^\/lmdb\//],
  ['socket: read and write', /^(native writ|node:(net|internal\/(stream|streams)|events))/],
  ['turns and promises', /^(native run|node:(timers|internal\/(process|timers|async_hooks)))/],
  ['copy bytes', /^node:(internal\/)?buffer/],
  ['garbage collection', /^native \(garbage/],
  ['native code without a caller', /^native/],
];

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** Both from 0. */
  readonly lineNumber: number;
  readonly columnNumber: number;
}

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
  }[];
  readonly samples: readonly number[];
  /** Microseconds from the sample before. */
  readonly timeDeltas: readonly number[];
  /** Microseconds of the monotonic clock. */
  readonly startTime: number;
}

const { values: flags } = parseArgs({
  options: {
    options: { type: 'string', default: persistent },
    prepare: { type: 'string', default: '' },
    messages: { type: 'string', default: '1000000' },
    functions: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
});

if (flags.help) process.stdout.write(`${help}\n`);
else await main();

async function main(): Promise<void> {
  const messages = Number(flags.messages);
  const load = compile('amqpload');
  let profile: Profile | undefined;
  const directory = await mkdtemp(join(tmpdir(), 'leveret-profile-'));
  const broker = await startProfiled(directory, async () => {
    // Written when the process ends.
    profile = await readProfile(directory);
    await rm(directory, { recursive: true, force: true });
  });
  const run = (count: number, what = flags.options) => {
    const options = `--messages ${Math.ceil(count)} ${what}`;
    return runLoad(load, broker.port, options, { progress() {}, figures() {} });
  };
  const measured = async () => {
    if (flags.prepare !== '') await run(messages, flags.prepare);
    await run(messages / 5);
    const from = monotonicUs();
    const before = broker.usage();
    const figures = await run(messages);
    return { from, before, figures, after: broker.usage(), to: monotonicUs() };
  };
  // The profile is written when the broker ends, and a broker that is left alone never does.
  const { from, before, figures, after, to } = await measured().finally(() => broker.stop());
  const count = figures.get('delivered') || figures.get('published') || messages;
  if (profile === undefined) throw new Error('no profile');
  const mainThreadNs = ((after.mainThreadUs - before.mainThreadUs) * 1000) / count;
  const cpuNs = ((after.cpuUs - before.cpuUs) * 1000) / count;
  const costs = costsOf(profile, from, to);
  const total = costs.steps.reduce((sum, [, us]) => sum + us, 0);
  const line = ([what, us]: readonly [string, number]) =>
    `${nanoseconds((us / total) * mainThreadNs)}  ${((us / total) * 100).toFixed(1).padStart(5)}%  ${what}`;
  const lines = [
    `${count} messages, ${flags.options}`,
    ...costs.steps.map(line),
    line(['event loop in all', total]),
    `${nanoseconds(cpuNs)}          all threads`,
    ...costs.functions.slice(0, Number(flags.functions)).map(line),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** With the flags of the program's first line. */
async function startProfiled(directory: string, cleanUp: () => Promise<void>): Promise<BrokerProcess> {
  const port = await freePort();
  const shebang = (await readFile(program, 'utf8')).split('\n', 1)[0] ?? '';
  const interpreter = shebang.replace('#!/usr/bin/env -S ', '');
  const profiler = `--cpu-prof --cpu-prof-interval 500 --cpu-prof-dir ${directory}`;
  const options = `--port ${port} --host 127.0.0.1 --management-port none --metrics-port none --log-level error`;
  const line = `${interpreter} ${profiler} ${program} server ${options} --data-dir ${join(directory, 'data')}`;
  const args = ['-S', line];
  const env = process.env;
  return BrokerProcess.start({ port, directory, program: 'env', args, env, showsErrors: true, cleanUp });
}

async function readProfile(directory: string): Promise<Profile> {
  const name = (await readdir(directory)).find((each) => each.endsWith('.cpuprofile'));
  if (name === undefined) throw new Error('no profile was written');
  return JSON.parse(await readFile(join(directory, name), 'utf8'));
}

/** Microseconds by the clock that profiles go by. */
function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

interface Costs {
  /** Microseconds in the profile, in the order of {@link steps}. */
  readonly steps: readonly (readonly [string, number])[];
  /** The most expensive first. */
  readonly functions: readonly (readonly [string, number])[];
}

function costsOf(profile: Profile, from: number, to: number): Costs {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const bySteps = new Map<string, number>(steps.map(([step]) => [step, 0]));
  const byFunctions = new Map<string, number>();
  let at = profile.startTime;
  for (const [i, sample] of profile.samples.entries()) {
    const us = profile.timeDeltas[i] ?? 0;
    at += us;
    const frame = frames.get(sample);
    if (at < from || at > to || frame === undefined || frame.functionName === '(idle)') continue;
    const path = frame.url === '' ? `native ${frame.functionName}` : pathOf(frame);
    add(bySteps, steps.find(([, pattern]) => pattern.test(path))?.[0] ?? 'other', us);
    add(byFunctions, `${frame.functionName} ${path}`, us);
  }
  const functions = [...byFunctions].sort((left, right) => right[1] - left[1]);
  return { steps: [...bySteps], functions };
}

function nanoseconds(ns: number): string {
  return `${ns.toFixed(0).padStart(7)} ns`;
}

/** Relative to `src`, of a package to `node_modules`, or Node's own name. */
function pathOf({ url, lineNumber, columnNumber }: CallFrame): string {
  if (!url.includes('/dist/')) return url.replace(/^.*\/node_modules\//, '/');
  const entry = sourceMapOf(url).findEntry(lineNumber, columnNumber);
  return 'originalSource' in entry ? entry.originalSource.replace(/^.*\/src\//, '') : url;
}

/** What is built are bundles of many files. */
function sourceMapOf(url: string): SourceMap {
  const known = sourceMaps.get(url);
  if (known !== undefined) return known;
  const sourceMap = new SourceMap(JSON.parse(readFileSync(new URL(`${url}.map`), 'utf8')));
  sourceMaps.set(url, sourceMap);
  return sourceMap;
}

function add(sums: Map<string, number>, key: string, value: number): void {
  sums.set(key, (sums.get(key) ?? 0) + value);
}
