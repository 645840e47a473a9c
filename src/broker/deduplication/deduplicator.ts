import { putUint32 } from '../../protocol/bytes.ts';
import { decodeValue, findHeader } from '../../protocol/field-table-codec.ts';
import type { Clock } from '../clock.ts';
import { newHash } from '../hash.ts';
import type { MessageLog } from '../log/message-log.ts';
import { RecordOffset } from '../log/record.ts';
import { readTime } from '../log/record-bytes.ts';
import { Message } from '../message.ts';
import type { PolicyDefinition } from '../policies/definition.ts';
import type { Admission, Interceptor } from '../routing/interceptor.ts';
import { PublishOutcome } from '../routing/publish-outcome.ts';
import { IdWindow } from './id-window.ts';
import { hashMessageId } from './message-id.ts';
import { type DeduplicationSettings, durationMsMax, positiveInteger } from './settings.ts';

/** The header with which a publisher says how long the id of a message counts, in milliseconds. */
const ttlHeader = Buffer.from('x-cache-ttl');
const hashBytes = 16;
/** Ids that have expired and leave when one comes: a window that is used shrinks faster than it grows. */
const expiredPerId = 2;
/** The same for a window that a policy has made smaller. */
const surplusPerId = 1000;
const noProperties = Buffer.alloc(2);

/**
 * Lets each message through once: the first with its id, as long as that is remembered (RabbitMQ's plugin
 * rabbitmq-message-deduplication). One without an id always passes. A duplicate is accepted and goes nowhere, so its
 * publisher gets the confirm that it missed the first time.
 *
 * Ids that have to survive are kept in a message log of their own, one small record each, in the order in which they
 * came. A commit takes the records of all logs along, so an id is on disk with its message or not at all; and it is
 * kept no better than its message: that of a transient one is forgotten with it.
 */
export class Deduplicator implements Interceptor {
  /** Messages that were not let through. */
  duplicateCount = 0;

  readonly #ofArguments: DeduplicationSettings;
  #settings: DeduplicationSettings;
  readonly #header: Buffer;
  readonly #clock: Clock;
  readonly #log: MessageLog | undefined;
  readonly #window = new IdWindow();
  readonly #hash = newHash();
  /** Whose id {@link #hash} is. */
  #hashed: Message | undefined;
  /** What the log gets: the hash is its body. */
  readonly #record = Message.of('', '', noProperties, Buffer.alloc(hashBytes));
  readonly #first: Admission = {
    goesOn: true,
    carryOut: (message, now, outcome) => this.#remember(message, now, outcome),
  };
  readonly #again: Admission = { goesOn: false, carryOut: () => this.#count() };

  /** @param log with the ids from before a restart; undefined: they are kept in memory only. */
  constructor(settings: DeduplicationSettings, clock: Clock, log: MessageLog | undefined) {
    this.#ofArguments = settings;
    this.#settings = settings;
    this.#header = Buffer.from(settings.header);
    this.#clock = clock;
    this.#log = log;
    if (log !== undefined) this.#restore(log);
  }

  /** Ids that are remembered, some of them perhaps expired. */
  get size(): number {
    return this.#window.size;
  }

  /** Size and time to live of the window are those of the policy, if it names any. Ids keep the time they came with. */
  applyPolicy({ 'x-cache-size': size, 'x-cache-ttl': ttlMs }: PolicyDefinition): void {
    this.#settings = {
      ...this.#ofArguments,
      ...(typeof size === 'number' && { size }),
      ...(typeof ttlMs === 'number' && { ttlMs }),
    };
  }

  /** @throws AmqpError 501 when the headers of the message are malformed */
  admit(message: Message): Admission | undefined {
    this.#hashed = message;
    if (!hashMessageId(message, this.#header, this.#hash)) return undefined;
    return this.#window.has(this.#hash, this.#clock.now()) ? this.#again : this.#first;
  }

  #count(): number {
    this.duplicateCount++;
    // The first one may still be on its way to the disk.
    return this.#log === undefined ? PublishOutcome.Accepted : PublishOutcome.NeedsCommit;
  }

  /** A message that was refused may be tried again. */
  #remember(message: Message, now: number, outcome: number): number {
    if ((outcome & PublishOutcome.Refused) !== 0) return outcome;
    // Dead letters may have been here since it was admitted.
    if (this.#hashed !== message) hashMessageId(message, this.#header, this.#hash);
    this.#hashed = undefined;
    this.#makeRoom(now);
    const ttlMs = ttlOf(message) ?? this.#settings.ttlMs;
    const expiresAt = ttlMs === undefined ? 0 : now + Math.min(ttlMs, durationMsMax);
    this.#window.add(this.#hash, expiresAt);
    if (this.#log !== undefined) {
      this.#record.persistent = (outcome & PublishOutcome.NeedsCommit) !== 0;
      const { body } = this.#record;
      for (let i = 0; i < this.#hash.length; i++) putUint32(body, i * 4, this.#hash[i] ?? 0);
      this.#log.append(this.#record, now, expiresAt);
    }
    return outcome;
  }

  #makeRoom(now: number): void {
    const surplus = Math.min(this.#window.size + 1 - this.#settings.size, surplusPerId);
    for (let i = 0; i < surplus; i++) this.#forgetOldest();
    for (let i = 0; i < expiredPerId && this.#window.isOldestDue(now); i++) this.#forgetOldest();
  }

  #forgetOldest(): void {
    this.#window.forgetOldest();
    const log = this.#log;
    if (log === undefined) return;
    // More than one when the records before had to be waited for.
    while (log.readyCount > this.#window.size && log.seek() && log.segment !== undefined) {
      const { segment, index } = log;
      log.take();
      log.settle(segment, index);
    }
  }

  #restore(log: MessageLog): void {
    for (const { buffer, start, end } of log.readyRecords()) {
      // The body, and the frame end behind it.
      const body = end - 1 - hashBytes;
      for (let i = 0; i < this.#hash.length; i++) this.#hash[i] = buffer.readUInt32BE(body + i * 4);
      this.#window.add(this.#hash, readTime(buffer, start + RecordOffset.ExpiresAt));
    }
  }
}

function ttlOf({ frames, scan }: Message): number | undefined {
  const at = findHeader(frames, scan.headersStart, scan.headersEnd, ttlHeader);
  return at < 0 ? undefined : positiveInteger(decodeValue(frames, at, scan.headersEnd));
}
