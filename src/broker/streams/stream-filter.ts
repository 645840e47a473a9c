import type { FieldTable } from '../../protocol/field-table.ts';
import { decodeValue, findHeader } from '../../protocol/field-table-codec.ts';
import { textOf } from '../../protocol/field-value.ts';
import { boolArgument } from '../arguments.ts';
import type { Segment } from '../log/segment.ts';
import type { Message } from '../message.ts';
import { type FilterProbe, hashOfValue } from './filter-index.ts';

const filterValueHeader = Buffer.from('x-stream-filter-value');

/**
 * Which messages of a stream a consumer wants (RabbitMQ page "Stream Filtering"): those whose header
 * x-stream-filter-value is one of the values of its argument x-stream-filter, and with x-stream-match-unfiltered
 * those without the header. RabbitMQ sorts out batches and may send too much; here each message is looked at, too.
 */
export class StreamFilter {
  readonly #values: ReadonlySet<string>;
  readonly #matchesUnfiltered: boolean;
  /** The same for a {@link FilterIndex}. */
  readonly probe: FilterProbe;

  private constructor(values: ReadonlySet<string>, matchesUnfiltered: boolean) {
    this.#values = values;
    this.#matchesUnfiltered = matchesUnfiltered;
    this.probe = { hashes: Array.from(values, hashOfValue), matchesUnfiltered };
  }

  /** The filter in the arguments of a consumer, which were checked; undefined: it wants all messages. */
  static from(all: FieldTable): StreamFilter | undefined {
    const asked = all.get('x-stream-filter');
    if (asked === undefined) return undefined;
    const values = (asked.tag === 'A' ? asked.value : [asked]).map((value) => textOf(value) ?? '');
    return new StreamFilter(new Set(values), boolArgument(all, 'x-stream-match-unfiltered'));
  }

  /** The record is in memory. */
  matches(segment: Segment, index: number): boolean {
    const value = filterValueOf(segment.message(index));
    return value === undefined ? this.#matchesUnfiltered : this.#values.has(value);
  }
}

/** The text in the header x-stream-filter-value; undefined: there is none, or something else. */
export function filterValueOf({ frames, scan }: Message): string | undefined {
  if (scan.headersEnd === 0) return undefined;
  const at = findHeader(frames, scan.headersStart, scan.headersEnd, filterValueHeader);
  return at < 0 ? undefined : textOf(decodeValue(frames, at, scan.headersEnd));
}
