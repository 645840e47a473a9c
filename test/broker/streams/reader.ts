import { expect } from 'vitest';
import type { Segment } from '../../../src/broker/log/segment.ts';
import type { Consumer } from '../../../src/broker/queues/consumer.ts';
import type { Queue } from '../../../src/broker/queues/queue.ts';
import { FieldTable, type FieldValue } from '../../../src/protocol/field-table.ts';
import { int64 } from '../../../src/protocol/field-value.ts';
import { consumerChannel } from '../support.ts';

/** Somebody who reads and settles what the test says. */
export class Reader implements Consumer {
  readonly tag: string;
  readonly noAck = false;
  readonly exclusive = false;
  readonly priority = 0;
  readonly arguments: FieldTable;
  readonly prefetch: number;
  readonly channel = consumerChannel;
  isInRing = false;
  readonly held: { readonly segment: Segment; readonly index: number }[] = [];
  /** Offset and body of all it was given. */
  readonly seen: [offset: number, body: string][] = [];

  constructor(tag: string, prefetch: number, all: readonly (readonly [string, FieldValue])[]) {
    this.tag = tag;
    this.prefetch = prefetch;
    this.arguments = FieldTable.of(...all);
  }

  get hasCapacity(): boolean {
    return this.held.length < this.prefetch;
  }

  deliver(_queue: Queue, segment: Segment, index: number, redelivered: boolean): void {
    expect(redelivered).toBe(false);
    const message = segment.message(index);
    const offset = segment.firstSequence + index;
    expect(message.headers?.get('x-stream-offset')).toEqual(int64(offset));
    this.seen.push([offset, message.body.toString()]);
    this.held.push({ segment, index });
  }

  deliverAgain(): void {
    throw new Error('a stream delivers nothing again');
  }

  cancelledByServer(): void {}

  /** Settles the oldest ones. */
  settle(queue: Queue, count: number): void {
    for (const { segment, index } of this.held.splice(0, count)) queue.acknowledge(segment, index, this);
    if (!this.isInRing) queue.consumerHasCapacity(this);
  }
}
