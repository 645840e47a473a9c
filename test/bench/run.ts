/**
 * `npm run bench`: the same load on Leveret, on the ceiling and on RabbitMQ, in turns, and a table of
 * medians and ratios. Absolute figures wander with the machine; ratios within one run count.
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { version } from '../../src/version.ts';
import { Bench, type BenchOptions } from './bench.ts';
import { stopBrokers } from './broker-process.ts';
import { allBrokers, type Broker, brokerNames } from './brokers.ts';
import { compile } from './compile.ts';
import { plotOf } from './plot.ts';
import { hasFaults } from './results.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { listOf, tableOf } from './table.ts';

const help = `npm run bench -- [options]
  --scenario <name>   measure these only (may be repeated; a part of the name, or "all")
  --broker <name>     ${brokerNames.join(', ')} (may be repeated; default: all that are there)
  --repetitions <n>   runs of each scenario and broker, in turns (3; the long scenarios run once)
  --seconds <n>       duration of a run (5); the disk and the loopback take as much again, half before and half after
  --quick             one repetition of 2 seconds: does it work?
  --millions <n>      messages of a backlog, in millions (1)
  --size <bytes>      bodies of a backlog (1024)
  --queues <n>        queues of the scenarios that are about many (50,000; 10,000 for metrics)
  --plot <file>       an SVG of rates and memory over time, for scenarios that have such (backlog)
  --ceiling <file>    the bare data path to compare with (../shared/ceiling/ceiling.mjs)
  --json              results as JSON on standard output
  --markdown          results as a Markdown table
  --list              all scenarios, and what each one measures

Data directories are in the directory for temporary files, and so is what the disk is measured with. TMPDIR=/dev/shm has
them in memory and shows the rates without a disk, but not without what new pages of memory cost; a backlog has to fit.`;

const { values: flags } = parseArgs({
  options: {
    scenario: { type: 'string', multiple: true, default: [] },
    broker: { type: 'string', multiple: true, default: [] },
    repetitions: { type: 'string' },
    seconds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    millions: { type: 'string', default: '1' },
    size: { type: 'string', default: '1024' },
    queues: { type: 'string' },
    plot: { type: 'string' },
    ceiling: { type: 'string', default: '../shared/ceiling/ceiling.mjs' },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (flags.help) print(help);
else if (flags.list) print(listOf(scenarios));
else process.exitCode = await main();

async function main(): Promise<number> {
  const chosen = chosenScenarios(flags.scenario);
  const brokers = chosenBrokers(flags.broker);
  const options: BenchOptions = {
    amqpload: compile('amqpload'),
    relay: compile('relay'),
    repetitions: positive(flags.repetitions ?? (flags.quick ? '1' : '3')),
    seconds: positive(flags.seconds ?? (flags.quick ? '2' : '5')),
    backlog: positive(flags.millions) * 1_000_000,
    bodyBytes: positive(flags.size),
    queues: flags.queues === undefined ? undefined : positive(flags.queues),
    note,
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stopBrokers().finally(() => process.exit(1)));
  }
  const machine = machineLine(options);
  note(machine);
  const bench = new Bench(brokers, options);
  try {
    for (const scenario of chosen) await bench.measure(scenario);
  } finally {
    await stopBrokers();
  }
  const { rows, failures } = bench;
  if (flags.json) print(JSON.stringify({ machine, rows, failures }, undefined, 2));
  else print([machine, '', tableOf(rows, flags.markdown), ...failures.map((line) => `\n${line}`)].join('\n'));
  if (flags.plot !== undefined) await writeFile(flags.plot, plotOf(bench.courses));
  return failures.length > 0 || hasFaults(rows, 'leveret') ? 1 : 0;
}

/** Where and how the figures came about. */
function machineLine({ repetitions, seconds }: BenchOptions): string {
  const cores = `${availableParallelism()} cores of ${cpus()[0]?.model ?? 'an unknown CPU'}`;
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const date = new Date().toISOString().slice(0, 10);
  return `Leveret ${version}, Node ${process.version}, ${cores}, ${memory}, ${date}; ${repetitions} x ${seconds} s`;
}

function chosenScenarios(names: readonly string[]): readonly Scenario[] {
  if (names.includes('all')) return scenarios;
  if (names.length === 0) return scenarios.filter((scenario) => scenario.byDefault);
  // A whole name means that one, not all that contain it.
  const chosen = scenarios.filter(({ name }) =>
    names.some((wanted) => name === wanted || (!isName(wanted) && name.includes(wanted))),
  );
  if (chosen.length === 0) {
    throw new Error(`no such scenario; there are:\n${scenarios.map(({ name }) => name).join('\n')}`);
  }
  return chosen;
}

function isName(wanted: string): boolean {
  return scenarios.some(({ name }) => name === wanted);
}

function chosenBrokers(names: readonly string[]): readonly Broker[] {
  const wanted = allBrokers(flags.ceiling).filter(
    (broker) => names.length === 0 || names.includes(broker.name),
  );
  for (const broker of wanted) {
    if (broker.missing !== undefined) note(`without ${broker.name}: ${broker.missing}`);
  }
  const present = wanted.filter((broker) => broker.missing === undefined);
  if (present.length === 0) throw new Error('no broker to measure');
  return present;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`"${text}" is not a number above 0`);
  return value;
}

function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
