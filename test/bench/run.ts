/**
 * `npm run bench`: the same load on Leveret, on the ceiling and on RabbitMQ, in turns, and a table of
 * medians and ratios. Absolute figures wander with the machine; ratios within one run count.
 */
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  allBrokers,
  type Broker,
  type BrokerName,
  type BrokerProcess,
  brokerNames,
  stopBrokers,
} from './brokers.ts';
import { compileLoad, type Figures, runLoad } from './load.ts';
import { hasFaults, type Row, rowsOf, tableOf } from './results.ts';
import { type Scenario, scenarios } from './scenarios.ts';

const help = `npm run bench -- [options]
  --scenario <name>   measure these only (may be repeated; a part of the name, or "all")
  --broker <name>     ${brokerNames.join(', ')} (may be repeated; default: all that are there)
  --repetitions <n>   runs of each scenario and broker, in turns (3)
  --seconds <n>       duration of a run (5)
  --ceiling <file>    the bare data path to compare with (../shared/ceiling/ceiling.mjs)
  --json              results as JSON on standard output
  --markdown          results as a Markdown table
  --list              names of all scenarios`;

const { values: options } = parseArgs({
  options: {
    scenario: { type: 'string', multiple: true, default: [] },
    broker: { type: 'string', multiple: true, default: [] },
    repetitions: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    ceiling: { type: 'string', default: '../shared/ceiling/ceiling.mjs' },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) print(help);
else if (options.list) print(scenarios.map((scenario) => scenario.name).join('\n'));
else process.exitCode = await bench();

async function bench(): Promise<number> {
  const chosen = chosenScenarios(options.scenario);
  const brokers = chosenBrokers(options.broker);
  const program = compileLoad(join(tmpdir(), 'leveret-bench'));
  const kept = new Map<BrokerName, BrokerProcess>();
  const rows: Row[] = [];
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stopBrokers().finally(() => process.exit(1)));
  }
  note(
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, ` +
      `${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}`,
  );
  try {
    for (const scenario of chosen) {
      rows.push(...(await measure(scenario, brokers, kept, program)));
    }
  } finally {
    await stopBrokers();
  }
  if (options.json) print(JSON.stringify(rows, undefined, 2));
  else print(tableOf(rows, options.markdown));
  return hasFaults(rows, 'leveret') ? 1 : 0;
}

/** All repetitions of a scenario: each broker once, then each once more, so that all see the same weather. */
async function measure(
  scenario: Scenario,
  brokers: readonly Broker[],
  kept: Map<BrokerName, BrokerProcess>,
  program: string,
): Promise<Row[]> {
  const runs = new Map<BrokerName, Figures[][]>();
  for (let repetition = 1; repetition <= positive(options.repetitions); repetition++) {
    for (const broker of brokers.filter((each) => each.canRun(scenario))) {
      note(`${scenario.name}: ${broker.name}, ${repetition} of ${options.repetitions}`);
      const process = kept.get(broker.name) ?? (await broker.start(scenario));
      if (broker.keep) kept.set(broker.name, process);
      const figures = runs.get(broker.name) ?? scenario.steps.map(() => []);
      runs.set(broker.name, figures);
      try {
        for (const [index, step] of scenario.steps.entries()) {
          figures[index]?.push(await runLoad(program, step, process.port, positive(options.seconds)));
        }
      } finally {
        if (!broker.keep) await process.stop();
      }
    }
  }
  return rowsOf(scenario, runs);
}

function chosenScenarios(names: readonly string[]): readonly Scenario[] {
  if (names.includes('all')) return scenarios;
  if (names.length === 0) return scenarios.filter((scenario) => scenario.byDefault);
  const chosen = scenarios.filter((scenario) => names.some((name) => scenario.name.includes(name)));
  if (chosen.length === 0)
    throw new Error(`no such scenario; there are:\n${scenarios.map((s) => s.name).join('\n')}`);
  return chosen;
}

function chosenBrokers(names: readonly string[]): readonly Broker[] {
  const wanted = allBrokers(options.ceiling).filter(
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
