import type { MessageLog } from '../log/message-log.ts';
import type { Segment } from '../log/segment.ts';
import type { Consumer, DeliveringQueue } from '../queues/consumer.ts';
import { StoreUnreadableError } from '../store.ts';
import type { FilterIndex } from './filter-index.ts';
import type { StreamLookup } from './stream-lookup.ts';
import type { StreamReader } from './stream-reader.ts';
import type { TurnBudget } from './turn-budget.ts';

/** Messages that one consumer is given before the next one has its turn. */
const messagesPerReader = 256;

/** The clock is looked at after so many bytes of messages: some microseconds. */
const bytesPerLook = 16 * 1024;

/** What looking at a message costs beside its bytes. */
const messageOverheadBytes = 512;

/** The stream around its readers. */
export interface ReadStream extends DeliveringQueue {
  /** A consumer was given a message. */
  delivered(): void;
  /** What a consumer waited for can be read again. */
  readable(): void;
}

/** What its readers need of it. */
export interface ReadParts {
  readonly log: MessageLog;
  readonly lookup: StreamLookup;
  readonly filterIndex: FilterIndex;
  readonly budget: TurnBudget;
}

/** Everybody who reads a stream. Those who can take messages, and may find some, have their turns one after the other. */
export class StreamReaders {
  readonly #stream: ReadStream;
  readonly #parts: ReadParts;
  readonly #all = new Map<Consumer, StreamReader>();
  /** Readers whose consumers can take messages, and those among them that may find some. In turn. */
  readonly #idle = new Set<StreamReader>();
  #ready: StreamReader[] = [];
  /** Readers that have come to a message that cannot be read now. */
  readonly #waiting = new Set<StreamReader>();

  constructor(stream: ReadStream, parts: ReadParts) {
    this.#stream = stream;
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  /** Some may be served: {@link serve}. */
  get areReady(): boolean {
    return this.#ready.length > 0;
  }

  get(consumer: Consumer): StreamReader | undefined {
    return this.#all.get(consumer);
  }

  add(reader: StreamReader): void {
    this.#all.set(reader.consumer, reader);
  }

  /** It is known where a reader begins, who waited at infinity for that. The messages below `end` can be read. */
  place(reader: StreamReader, position: number, end: number): void {
    reader.position = position;
    this.wake(end);
  }

  forget(consumer: Consumer): void {
    this.#all.delete(consumer);
  }

  /** The messages below `end` can be read now. */
  wake(end: number): void {
    for (const reader of this.#idle) {
      if (reader.position >= end) continue;
      this.#idle.delete(reader);
      this.#ready.push(reader);
    }
  }

  /** Its consumer can take messages. */
  resume(reader: StreamReader, end: number): void {
    reader.consumer.isInRing = true;
    if (this.#waiting.has(reader)) return;
    if (reader.position >= end) this.#idle.add(reader);
    else this.#ready.push(reader);
  }

  /** Its consumer is given nothing more. */
  pause(reader: StreamReader): void {
    reader.consumer.isInRing = false;
    this.#idle.delete(reader);
    this.#ready = this.#ready.filter((other) => other !== reader);
  }

  /** All leave. */
  clear(): void {
    for (const reader of this.#all.values()) this.pause(reader);
    this.#all.clear();
  }

  /** Gives out what there is below `end`, until nobody takes any more or the turn is over. */
  serve(end: number): void {
    const { budget } = this.#parts;
    if (!budget.start()) return;
    for (let reader = this.#ready[0]; reader !== undefined && !budget.isSpent; reader = this.#ready[0]) {
      const hadItsTurn = this.#feed(reader, end);
      budget.spend();
      if (!hadItsTurn) continue;
      reader.looked = 0;
      this.#ready.shift();
      if (!hasCapacity(reader.consumer) || this.#waiting.has(reader)) continue;
      if (reader.position < end) this.#ready.push(reader);
      else this.#idle.add(reader);
    }
  }

  /**
   * Gives a reader's consumer what it can take, {@link messagesPerReader} at most. False: it goes on in the next turn
   * of the event loop, before the others, since its segment may not stay in memory until it comes round again.
   */
  #feed(reader: StreamReader, end: number): boolean {
    const { consumer, filter } = reader;
    const { budget, filterIndex, log } = this.#parts;
    let bytes = 0;
    reader.position = Math.max(reader.position, log.readPosition);
    while (reader.looked < messagesPerReader && reader.position < end && consumer.hasCapacity) {
      if (bytes >= bytesPerLook) {
        bytes = 0;
        budget.spend();
        if (budget.isSpent) return false;
      }
      reader.looked++;
      if (filter !== undefined && reader.position >= reader.mayMatchUntil) {
        const { mayMatch, until } = filterIndex.look(reader.position, filter.probe);
        if (mayMatch) reader.mayMatchUntil = Math.min(until, end);
        else reader.position = Math.min(until, end);
        bytes += messageOverheadBytes;
        continue;
      }
      const segment = this.#segmentOf(reader, end);
      if (this.#waiting.has(reader)) break;
      if (segment === undefined) {
        // Nothing up to the end can be read any more, which the store has reported.
        reader.position = end;
        break;
      }
      const index = segment.nextUnsettled(Math.max(0, reader.position - segment.firstSequence));
      const offset = segment.firstSequence + index;
      reader.position = Math.min(offset, end);
      if (index >= segment.count || offset >= end) continue;
      reader.position++;
      bytes += segment.bodySize(index) + messageOverheadBytes;
      if (filter !== undefined && !filter.matches(segment, index)) continue;
      reader.delivered(offset);
      this.#stream.delivered();
      consumer.deliver(this.#stream, segment, index, false);
    }
    return true;
  }

  /** The segment with the message that a reader has come to, in memory. If it cannot be read now, the reader waits. */
  #segmentOf(reader: StreamReader, end: number): Segment | undefined {
    const { segment } = reader;
    if (segment?.slab !== undefined && reader.position < segment.endSequence) return segment;
    const { lookup } = this.#parts;
    try {
      reader.segment =
        lookup.inMemory(reader.position) ?? lookup.read(reader.position, end, reader.readAhead);
      return reader.segment;
    } catch (error) {
      if (!(error instanceof StoreUnreadableError)) throw error;
      void this.#wait(reader, error.again);
      return undefined;
    }
  }

  async #wait(reader: StreamReader, again: Promise<boolean>): Promise<void> {
    this.#waiting.add(reader);
    const isOpen = await again;
    this.#waiting.delete(reader);
    if (!isOpen || !reader.consumer.isInRing || this.get(reader.consumer) !== reader) return;
    this.#ready.push(reader);
    this.#stream.readable();
  }
}

/** False: it comes back when it can take messages again. */
function hasCapacity(consumer: Consumer): boolean {
  consumer.isInRing = consumer.isInRing && consumer.hasCapacity;
  return consumer.isInRing;
}
