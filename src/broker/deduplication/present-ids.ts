import { type Hash, newHash } from '../hash.ts';
import type { LogWatcher } from '../log/log-context.ts';
import type { MessageLog } from '../log/message-log.ts';
import { Message } from '../message.ts';
import type { Admission } from '../routing/interceptor.ts';
import { PublishOutcome } from '../routing/publish-outcome.ts';
import { hashMessageId } from './message-id.ts';

/** Ids of messages in one queue; what comes to a queue with more is not looked at. */
export const presentIdsMax = 1_000_000;

/**
 * Lets no message into a queue while another one with the same id is there, ready or with a consumer: the queues of
 * RabbitMQ's plugin rabbitmq-message-deduplication. Needs nothing on disk but the queue itself.
 */
export class PresentIds {
  /** Messages that were not let in. */
  duplicateCount = 0;

  readonly #header: Buffer;
  readonly #watches: readonly LogWatch[];
  readonly #ids = new Set<string>();
  readonly #hash = newHash();
  readonly #duplicate: Admission;

  /** @param logs those of the queue */
  constructor(header: string, logs: readonly MessageLog[], isDurable: boolean) {
    this.#header = Buffer.from(header);
    this.#watches = logs.map((log) => new LogWatch(log, this.#ids));
    const outcome = isDurable ? PublishOutcome.NeedsCommit : PublishOutcome.Accepted;
    const carryOut = (): number => {
      this.duplicateCount++;
      // The other one may still be on its way to the disk.
      return outcome;
    };
    this.#duplicate = { goesOn: false, carryOut };
  }

  get size(): number {
    return this.#ids.size;
  }

  /**
   * The message is about to be appended to `log`.
   *
   * @throws AmqpError 501 when its headers are malformed
   */
  admit(message: Message, log: MessageLog): Admission | undefined {
    if (!hashMessageId(message, this.#header, this.#hash)) return undefined;
    const id = textOf(this.#hash);
    if (this.#ids.has(id)) return this.#duplicate;
    const watch = this.#watches.find((candidate) => candidate.log === log);
    if (watch === undefined || this.#ids.size >= presentIdsMax) return undefined;
    const sequence = log.nextSequence;
    watch.add(sequence, id);
    return {
      goesOn: true,
      carryOut: (_message, _now, outcome) => {
        if ((outcome & PublishOutcome.Refused) !== 0) watch.settled(sequence);
        return outcome;
      },
    };
  }

  /** Looks through the messages that are in the queue. */
  readQueue(): void {
    for (const watch of this.#watches) this.#read(watch);
  }

  /** The queue goes on without it. */
  stop(): void {
    for (const { log } of this.#watches) log.watcher = undefined;
  }

  #read(watch: LogWatch): void {
    for (const { buffer, start, end, sequence } of watch.log.readyRecords()) {
      if (this.#ids.size >= presentIdsMax) return;
      const message = Message.fromRecord(buffer, start, end);
      if (hashMessageId(message, this.#header, this.#hash)) watch.add(sequence, textOf(this.#hash));
    }
  }
}

/** Follows what becomes of the messages of one log. */
class LogWatch implements LogWatcher {
  readonly log: MessageLog;
  readonly #ids: Set<string>;
  readonly #bySequence = new Map<number, string>();

  constructor(log: MessageLog, ids: Set<string>) {
    this.log = log;
    this.#ids = ids;
    log.watcher = this;
  }

  add(sequence: number, id: string): void {
    this.#ids.add(id);
    this.#bySequence.set(sequence, id);
  }

  settled(sequence: number): void {
    const id = this.#bySequence.get(sequence);
    if (id === undefined) return;
    this.#bySequence.delete(sequence);
    this.#ids.delete(id);
  }

  moved(from: number, to: number): void {
    const id = this.#bySequence.get(from);
    if (id === undefined) return;
    this.#bySequence.delete(from);
    this.#bySequence.set(to, id);
  }

  /** Those with consumers too, as in the plugin. */
  purged(): void {
    for (const id of this.#bySequence.values()) this.#ids.delete(id);
    this.#bySequence.clear();
  }
}

/** A short key for a map. */
function textOf(hash: Hash): string {
  let text = '';
  for (const word of hash) text += String.fromCharCode(word >>> 16, word & 0xffff);
  return text;
}
