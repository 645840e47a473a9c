/**
 * Prometheus' text format, written by hand: the usual client library keeps a labelled value for everything, which
 * costs it a second and more for 10,000 queues; here a sample is a line of text and nothing remains of it. What there are many of is
 * written as bytes, in `lines.ts`.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export const contentType = 'text/plain; version=0.0.4; charset=utf-8';

/** Types of Prometheus' text format. Counters only ever rise, except to 0 at a restart. */
export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';

/** A metric as it is announced. */
export interface Metric {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
}

/** Values by name of the label, as they are: {@link labelText} escapes what has to be. */
export type Labels = Readonly<Record<string, string>>;

/** The lines that announce a metric. */
export function header({ name, type, help }: Metric): string {
  return `# TYPE ${name} ${type}\n# HELP ${name} ${help}\n`;
}

/** One value; `labels` as {@link labelText} wrote them. */
export function sample(name: string, labels: string, value: number): string {
  return `${name}${labels} ${numberText(value)}\n`;
}

/** `{vhost="/",queue="orders"}`, or nothing. */
export function labelText(labels: Labels): string {
  return labelPairs(Object.keys(labels), Object.values(labels));
}

/** The same of names, and values from the one at `first` on. */
export function labelPairs(names: readonly string[], values: readonly string[], first = 0): string {
  let text = '';
  for (const [i, name] of names.entries())
    text += `${i === 0 ? '{' : ','}${name}="${escaped(values[first + i] ?? '')}"`;
  return names.length === 0 ? '' : `${text}}`;
}

/** A metric with one value. */
export function one(type: MetricType, name: string, help: string, value: number): string {
  return header({ name, type, help }) + sample(name, '', value);
}

/** A metric with one value that has labels. */
export function labelled(
  type: MetricType,
  name: string,
  help: string,
  labels: Labels,
  value: number,
): string {
  return header({ name, type, help }) + sample(name, labelText(labels), value);
}

function escaped(value: string): string {
  return /[\\"\n]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : value;
}

/** As Prometheus reads it. */
export function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
