import Table from 'cli-table3';
import { type BrokerName, brokerNames } from './brokers.ts';
import type { Figures } from './load.ts';
import type { Metric, Scenario } from './scenarios.ts';

/** One metric of one scenario, all brokers beside each other. */
export interface Row {
  readonly scenario: string;
  readonly metric: string;
  /** Median over the repetitions, in the metric's unit. */
  readonly median: Readonly<Partial<Record<BrokerName, number>>>;
  /** Above 1: Leveret is better. */
  readonly ratioToCeiling: number | undefined;
  readonly ratioToRabbitmq: number | undefined;
  /** Messages lost, delivered twice or out of order, and failed connections, over all repetitions. */
  readonly faults: Readonly<Partial<Record<BrokerName, Faults>>>;
}

export interface Faults {
  readonly lost: number;
  readonly dup: number;
  readonly reordered: number;
  readonly errors: number;
}

/** All runs of one scenario: by broker, then by step, then by repetition. */
export type Runs = ReadonlyMap<BrokerName, readonly (readonly Figures[])[]>;

export function rowsOf(scenario: Scenario, runs: Runs): Row[] {
  return scenario.steps.flatMap((step, stepIndex) =>
    step.metrics.map((metric) => {
      const median: Partial<Record<BrokerName, number>> = {};
      const faults: Partial<Record<BrokerName, Faults>> = {};
      for (const [broker, steps] of runs) {
        const repetitions = steps[stepIndex] ?? [];
        const figures = repetitions.flatMap((each) => figureOf(metric, each) ?? []);
        if (figures.length > 0) median[broker] = medianOf(figures);
        faults[broker] = faultsOf(repetitions);
      }
      return {
        scenario: scenario.name,
        metric: metric.label,
        median,
        ratioToCeiling: ratio(metric, median.leveret, median.ceiling),
        ratioToRabbitmq: ratio(metric, median.leveret, median.rabbitmq),
        faults,
      };
    }),
  );
}

function figureOf(metric: Metric, figures: Figures): number | undefined {
  const figure = figures.get(metric.field);
  if (figure === undefined) return undefined;
  return (metric.ratePer === undefined ? figure : metric.ratePer / figure) / metric.divisor;
}

function medianOf(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function faultsOf(repetitions: readonly Figures[]): Faults {
  const sum = (field: string) => repetitions.reduce((total, each) => total + (each.get(field) ?? 0), 0);
  return { lost: sum('lost'), dup: sum('dup'), reordered: sum('reordered'), errors: sum('errors') };
}

function ratio(metric: Metric, ours: number | undefined, theirs: number | undefined): number | undefined {
  if (ours === undefined || theirs === undefined || ours === 0 || theirs === 0) return undefined;
  return metric.better === 'higher' ? ours / theirs : theirs / ours;
}

/** Something was lost, doubled or out of order, or a connection failed. */
export function hasFaults(rows: readonly Row[], broker: BrokerName): boolean {
  return rows.some((row) => Object.values(row.faults[broker] ?? {}).some((count) => count > 0));
}

/** The table for people: medians, ratios (above 1: Leveret is better) and faults. */
export function tableOf(rows: readonly Row[], markdown: boolean): string {
  const head = [
    'scenario',
    'median of',
    ...brokerNames,
    'Leveret/ceiling',
    'Leveret/RabbitMQ',
    'lost/dup/reordered',
  ];
  const body = rows.map((row) => [
    row.scenario,
    row.metric,
    ...brokerNames.map((name) => number(row.median[name])),
    number(row.ratioToCeiling),
    number(row.ratioToRabbitmq),
    faultsText(row),
  ]);
  if (markdown) {
    const lines = [head, head.map(() => '---'), ...body];
    return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  }
  const table = new Table({ head, style: { head: [], border: [] } });
  table.push(...body);
  return table.toString();
}

function number(value: number | undefined): string {
  if (value === undefined) return '';
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function faultsText(row: Row): string {
  return brokerNames
    .flatMap((name) => {
      const faults = row.faults[name];
      if (faults === undefined) return [];
      const errors = faults.errors > 0 ? ` (${faults.errors} errors)` : '';
      return [`${name} ${faults.lost}/${faults.dup}/${faults.reordered}${errors}`];
    })
    .join(', ');
}
