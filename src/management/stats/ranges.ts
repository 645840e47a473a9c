import { badRequest } from '../http/api-error.ts';
import { optional, text, type ValuesOf } from '../http/schema.ts';

/** A time to look back over, in samples: the query parameters `lengths_age` and `lengths_incr`, and their like. */
export interface Range {
  readonly ageSeconds: number;
  readonly stepSeconds: number;
}

/** What a figure is about: each kind of figures has its own pair of query parameters. */
export type RangeKind = 'lengths' | 'msg_rates' | 'data_rates' | 'node_stats';

/** What was asked for; kinds that are missing were not. */
export type Ranges = Readonly<Partial<Record<RangeKind, Range>>>;

const ageSecondsMax = 86_400;
const samplesMax = 1_000;

const seconds = (what: string) => optional(text(`Samples of ${what}, in seconds.`));

/** The query parameters for all kinds of figures. */
export const rangeQuery = {
  lengths_age: seconds('numbers of messages: how far back'),
  lengths_incr: seconds('numbers of messages: how far apart'),
  msg_rates_age: seconds('message rates: how far back'),
  msg_rates_incr: seconds('message rates: how far apart'),
  data_rates_age: seconds('bytes: how far back'),
  data_rates_incr: seconds('bytes: how far apart'),
  node_stats_age: seconds("the node's figures: how far back"),
  node_stats_incr: seconds("the node's figures: how far apart"),
};

/** Half a pair, or one that is no number, counts as none, as in RabbitMQ. @throws ApiError 400 */
export function rangesOf(query: ValuesOf<typeof rangeQuery>): Ranges {
  const ranges: Partial<Record<RangeKind, Range>> = {};
  const add = (kind: RangeKind, age: string | undefined, step: string | undefined): void => {
    const range = rangeOf(age, step);
    if (range !== undefined) ranges[kind] = range;
  };
  add('lengths', query.lengths_age, query.lengths_incr);
  add('msg_rates', query.msg_rates_age, query.msg_rates_incr);
  add('data_rates', query.data_rates_age, query.data_rates_incr);
  add('node_stats', query.node_stats_age, query.node_stats_incr);
  return ranges;
}

function rangeOf(age: string | undefined, step: string | undefined): Range | undefined {
  if (age === undefined || step === undefined || !/^\d{1,9}$/.test(age) || !/^\d{1,9}$/.test(step)) {
    return undefined;
  }
  const [ageSeconds, stepSeconds] = [Number(age), Number(step)];
  if (stepSeconds === 0 || ageSeconds > ageSecondsMax || ageSeconds / stepSeconds > samplesMax) {
    const advice = `Look back at most ${ageSecondsMax} seconds, in at most ${samplesMax} steps.`;
    throw badRequest(`Invalid range parameters: age ${age}, incr ${step}`, advice);
  }
  return { ageSeconds, stepSeconds };
}
