import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Broker } from '../../../src/broker/broker.ts';
import type { Queue } from '../../../src/broker/queues/queue.ts';
import { FieldTable } from '../../../src/protocol/field-table.ts';
import { bool, int32, longString } from '../../../src/protocol/field-value.ts';
import { openLmdbStore } from '../../../src/storage/lmdb-store.ts';
import { ManualClock, messageOf, TestActor } from '../support.ts';
import { Reader } from './reader.ts';

const segmentBytes = 20_000;
const maxBytes = 80_000;

/** What a message counts beside its body. */
const overheadBytes = 64;

type Step =
  | { readonly do: 'publish'; readonly count: number; readonly bytes: number }
  | { readonly do: 'read'; readonly from: number; readonly prefetch: number }
  | { readonly do: 'settle'; readonly which: number; readonly count: number }
  | { readonly do: 'leave'; readonly which: number }
  | { readonly do: 'track'; readonly count: number }
  | { readonly do: 'seek'; readonly ago: number }
  | { readonly do: 'restart' };

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('publish' as const),
        count: fc.integer({ min: 1, max: 60 }),
        bytes: fc.constantFrom(0, 10, 300, 3_000),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('read' as const),
        from: fc.nat(600),
        prefetch: fc.integer({ min: 1, max: 50 }),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('settle' as const),
        which: fc.nat(5),
        count: fc.integer({ min: 1, max: 80 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), which: fc.nat(5) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('track' as const), count: fc.integer({ min: 1, max: 40 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('seek' as const), ago: fc.nat(40) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  ),
  { minLength: 1, maxLength: 25 },
);

/** The stream beside an array of all that was ever published. */
class Comparison {
  readonly #directory = mkdtempSync(join(tmpdir(), 'leveret-stream-'));
  readonly #clock = new ManualClock();
  #broker: Broker | undefined;
  readonly #published: { readonly body: string; readonly time: number }[] = [];
  #first = 0;
  #readers: { readonly reader: Reader; readonly from: number }[] = [];
  /** Where the tracked consumer goes on. */
  #tracked = 0;

  get #queue(): Queue {
    const queue = this.#broker?.vhost('/')?.findQueue('s');
    if (queue === undefined) throw new Error('the stream is gone');
    return queue;
  }

  async start(): Promise<void> {
    const store = await openLmdbStore({ dataDir: this.#directory, generationBytes: 300_000 });
    const fail = (cause: unknown) => {
      throw cause;
    };
    const events = { storeFailed: fail, storeFull: fail, messagesMissing: fail, queueUnreadable: fail };
    this.#broker = Broker.open(store, this.#clock, events);
    const flags = { passive: false, durable: true, autoDelete: false, exclusive: false };
    const all = FieldTable.of(
      ['x-queue-type', longString('stream')],
      ['x-max-length-bytes', int32(maxBytes)],
      ['x-stream-max-segment-size-bytes', int32(segmentBytes)],
    );
    this.#broker.vhost('/')?.declareQueue(new TestActor(), { name: 's', arguments: all, ...flags });
  }

  async stop(): Promise<void> {
    await this.#broker?.close();
    this.#broker = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'publish':
        await this.#publish(step.count, step.bytes);
        break;
      case 'read':
        this.#read(step.from, step.prefetch);
        break;
      case 'settle': {
        const chosen = this.#readers[step.which % Math.max(1, this.#readers.length)];
        chosen?.reader.settle(this.#queue, step.count);
        break;
      }
      case 'leave': {
        const [gone] = this.#readers.splice(step.which, 1);
        if (gone !== undefined) this.#queue.removeConsumer(gone.reader);
        break;
      }
      case 'track':
        await this.#track(step.count);
        break;
      case 'seek':
        await this.#seek(step.ago);
        break;
      case 'restart':
        await this.stop();
        this.#readers = [];
        await this.start();
        break;
    }
    await this.#rest();
    this.#compare();
  }

  /** What streams may do in a turn is limited. */
  async #rest(): Promise<void> {
    do {
      await new Promise((resolve) => setImmediate(resolve));
      this.#broker?.endTurn(this.#clock.now());
    } while (this.#queue.isTouched);
  }

  async #publish(count: number, bytes: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const body = `${this.#published.length} `.padEnd(bytes, '.');
      this.#clock.advance(10);
      this.#published.push({ body, time: this.#clock.now() });
      this.#queue.publish(
        messageOf('', 's', i % 2 === 0 ? {} : { contentType: 'a/b' }, body),
        this.#clock.now(),
      );
    }
    await this.#broker?.committer.flush();
  }

  #read(from: number, prefetch: number): void {
    const reader = new Reader('', prefetch, [['x-stream-offset', int32(from)]]);
    this.#queue.addConsumer(reader);
    this.#readers.push({ reader, from: Math.max(from, this.#base()) });
  }

  /** Comes back, settles a few messages and leaves with the others unsettled. */
  async #track(count: number): Promise<void> {
    const reader = new Reader('me', 1000, [
      ['x-stream-automatic-offset-tracking', bool(true)],
      ['x-stream-offset', longString('first')],
    ]);
    this.#queue.addConsumer(reader);
    await this.#rest();
    const from = Math.max(this.#tracked, this.#base());
    this.#checkSeen(reader, from);
    const settled = Math.min(count, reader.held.length);
    if (settled > 0) this.#tracked = from + settled;
    const rest = reader.held.slice(settled);
    reader.settle(this.#queue, settled);
    this.#queue.pauseConsumer(reader);
    for (const { segment, index } of [...rest, ...reader.held]) this.#queue.abandon(segment, index, reader);
    this.#queue.removeConsumer(reader);
  }

  /** By the time at which one of the last messages came. */
  async #seek(ago: number): Promise<void> {
    const index = Math.max(this.#base(), this.#published.length - ago);
    const time = this.#published[index]?.time;
    if (time === undefined) return;
    // Timestamps are in seconds.
    const seconds = Math.ceil(time / 1000);
    const wanted = this.#published.findIndex(
      (message, offset) => offset >= this.#base() && message.time >= seconds * 1000,
    );
    const reader = new Reader('', 5, [['x-stream-offset', { tag: 'T', value: BigInt(seconds) }]]);
    this.#queue.addConsumer(reader);
    do await this.#rest();
    while (wanted >= 0 && reader.seen.length === 0);
    expect(reader.seen[0]?.[0]).toBe(wanted < 0 ? undefined : wanted);
    this.#queue.removeConsumer(reader);
  }

  /** Where the stream begins, according to itself; checked in {@link #compare}. */
  #base(): number {
    return this.#published.length - this.#queue.readyCount;
  }

  #checkSeen(reader: Reader, from: number): void {
    for (const [i, [offset, body]] of reader.seen.entries()) {
      const before = reader.seen[i - 1]?.[0] ?? from - 1;
      // What retention took away while a reader stood there is skipped.
      if (offset !== before + 1) expect(offset).toBeLessThanOrEqual(this.#base());
      expect(offset).toBeGreaterThan(before);
      expect(body).toBe(this.#published[offset]?.body);
    }
  }

  #compare(): void {
    const base = this.#base();
    expect(base).toBeGreaterThanOrEqual(this.#first);
    this.#first = base;
    const kept = this.#published.slice(base);
    const bytes = kept.reduce((sum, { body }) => sum + body.length, 0);
    expect(this.#queue.readyBytes).toBe(bytes);
    const size = bytes + kept.length * overheadBytes;
    // One segment more than asked for at most, one less at least; a segment may be too long by a message.
    const slack = segmentBytes + 3_100;
    expect(size).toBeLessThanOrEqual(maxBytes + slack);
    if (base > 0) expect(size).toBeGreaterThanOrEqual(maxBytes - 2 * slack);
    for (const { reader, from } of this.#readers) {
      this.#checkSeen(reader, from);
      const last = reader.seen.at(-1)?.[0] ?? from - 1;
      if (reader.hasCapacity) expect(last).toBeGreaterThanOrEqual(this.#published.length - 1);
    }
  }
}

/** STREAM_RUNS says how many sequences are tried. */
const runs = Number(process.env['STREAM_RUNS'] ?? 25);

test('a stream is an array whose beginning moves', { timeout: 20_000 + runs * 500 }, async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const comparison = new Comparison();
      try {
        await comparison.start();
        for (const step of sequence) await comparison.take(step);
      } finally {
        await comparison.remove();
      }
    }),
    { numRuns: runs },
  );
});
