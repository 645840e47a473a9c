import { boundNames } from './bound.ts';
import { type BrokerName, brokerNames } from './brokers.ts';
import type { Figures } from './load.ts';
import type { Metric, Scenario } from './scenario.ts';

/** What figures come from: brokers, and what the machine does without one. */
export const columnNames = [...brokerNames, ...boundNames] as const;
export type ColumnName = (typeof columnNames)[number];

export const columnTitles: Readonly<Record<ColumnName, string>> = {
  leveret: 'Leveret',
  ceiling: 'ceiling',
  rabbitmq: 'RabbitMQ',
  disk: 'disk',
  loopback: 'loopback',
};

type Columns<T> = Readonly<Partial<Record<ColumnName, T>>>;

/** One metric of one scenario, all brokers beside each other. */
export interface Row {
  readonly scenario: string;
  readonly measures: string;
  readonly metric: string;
  readonly better: Metric['better'];
  /** Median over the repetitions, in the metric's unit. */
  readonly median: Columns<number>;
  /** Leveret's median beside another's, turned so that above 1 means that Leveret is better. */
  readonly ratioTo: Columns<number>;
  /** Messages lost, delivered twice or out of order, and failed connections, over all repetitions. */
  readonly faults: Columns<Faults>;
}

export interface Faults {
  readonly lost: number;
  readonly dup: number;
  readonly reordered: number;
  readonly errors: number;
}

/** The figures of one step: the broker's, and those of the bounds that were measured around it. */
export type StepFigures = ReadonlyMap<ColumnName, Figures>;

/** One broker's run of a scenario, step by step. */
export type Run = readonly StepFigures[];

export function rowsOf(scenario: Scenario, runs: readonly Run[]): Row[] {
  return scenario.steps.flatMap((step, stepIndex) =>
    step.metrics.map((metric) => rowOf(scenario, metric, stepIndex, runs)),
  );
}

function rowOf(scenario: Scenario, metric: Metric, stepIndex: number, runs: readonly Run[]): Row {
  const median: Partial<Record<ColumnName, number>> = {};
  const faults: Partial<Record<ColumnName, Faults>> = {};
  for (const column of columnNames) {
    const repetitions = runs.flatMap((run) => run[stepIndex]?.get(column) ?? []);
    const figures = repetitions.flatMap((each) => figureOf(metric, each) ?? []);
    if (figures.length > 0) median[column] = medianOf(figures);
    faults[column] = faultsOf(repetitions);
  }
  const ratioTo: Partial<Record<ColumnName, number>> = {};
  for (const column of columnNames) {
    const ratio = ratioOf(metric, median.leveret, median[column]);
    if (column !== 'leveret' && ratio !== undefined) ratioTo[column] = ratio;
  }
  const { name, measures } = scenario;
  return { scenario: name, measures, metric: metric.label, better: metric.better, median, ratioTo, faults };
}

function figureOf(metric: Metric, figures: Figures): number | undefined {
  const figure = figures.get(metric.field);
  const per = metric.per === undefined ? 1 : figures.get(metric.per);
  if (figure === undefined || per === undefined || per === 0) return undefined;
  return (metric.ratePer === undefined ? figure / per : metric.ratePer / figure) / metric.divisor;
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

function ratioOf(metric: Metric, ours: number | undefined, theirs: number | undefined): number | undefined {
  if (ours === undefined || theirs === undefined || ours === 0 || theirs === 0) return undefined;
  return metric.better === 'higher' ? ours / theirs : theirs / ours;
}

/** Something was lost, doubled or out of order, or a connection failed. */
export function hasFaults(rows: readonly Row[], broker: BrokerName): boolean {
  return rows.some((row) => countOf(row.faults[broker]) > 0);
}

export function countOf(faults: Faults | undefined): number {
  return Object.values(faults ?? {}).reduce((sum, count) => sum + count, 0);
}
