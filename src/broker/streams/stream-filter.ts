import type { FieldTable } from '../../protocol/field-table.ts';
import { decodeValue, findHeader } from '../../protocol/field-table.ts';
import { textOf } from '../../protocol/field-value.ts';
import { boolArgument } from '../arguments.ts';
import type { Segment } from '../queues/segment.ts';

const filterValueHeader = Buffer.from('x-stream-filter-value');

/**
 * Which messages of a stream a consumer wants (RabbitMQ page "Stream Filtering"): those whose header
 * x-stream-filter-value is one of the values of its argument x-stream-filter, and with x-stream-match-unfiltered
 * those without the header. RabbitMQ sorts out batches and may send too much; here each message is looked at.
 */
export class StreamFilter {
  readonly #values: ReadonlySet<string>;
  readonly #matchesUnfiltered: boolean;

  private constructor(values: ReadonlySet<string>, matchesUnfiltered: boolean) {
    this.#values = values;
    this.#matchesUnfiltered = matchesUnfiltered;
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
    const { frames, scan } = segment.message(index);
    const at =
      scan.headersEnd === 0 ? -1 : findHeader(frames, scan.headersStart, scan.headersEnd, filterValueHeader);
    if (at < 0) return this.#matchesUnfiltered;
    const value = textOf(decodeValue(frames, at, scan.headersEnd));
    return value === undefined ? this.#matchesUnfiltered : this.#values.has(value);
  }
}
