import type { MessageLog } from './message-log.ts';

/**
 * The messages of a queue: one log or, with x-max-priority, one for each priority (RabbitMQ page
 * "Priority Queues"). Each log is first in, first out; whoever takes messages takes them from {@link head}.
 */
export class Backlog {
  /** Lowest priority first. */
  readonly logs: readonly MessageLog[];

  readonly #lowest: MessageLog;
  /** Those above the lowest, highest first: none for a queue without priorities. */
  readonly #higher: readonly MessageLog[];

  /** `logs`, at least one, lowest priority first. */
  constructor(logs: readonly MessageLog[]) {
    const [lowest, ...higher] = logs;
    if (lowest === undefined) throw new Error('a backlog needs a log');
    this.logs = logs;
    this.#lowest = lowest;
    this.#higher = higher.reverse();
  }

  /** Names the backlog in the store. */
  get id(): number {
    return this.#lowest.id;
  }

  /** The log that the next message is in: the highest one with a ready message, else the lowest. */
  get head(): MessageLog {
    if (this.#higher.length === 0) return this.#lowest;
    return this.#higher.find((log) => log.readyCount > 0) ?? this.#lowest;
  }

  /** The log for messages of that priority; what is above the highest counts as the highest. */
  logFor(priority: number): MessageLog {
    const higher = this.#higher;
    if (higher.length === 0 || priority === 0) return this.#lowest;
    return higher[Math.max(0, higher.length - priority)] ?? this.#lowest;
  }

  get readyCount(): number {
    let count = this.#lowest.readyCount;
    for (const log of this.#higher) count += log.readyCount;
    return count;
  }

  /** Bytes of the bodies of ready messages. */
  get readyBytes(): number {
    let bytes = this.#lowest.readyBytes;
    for (const log of this.#higher) bytes += log.readyBytes;
    return bytes;
  }

  /** Settles every ready message. Returns how many there were. */
  purge(): number {
    let purged = 0;
    for (const log of this.logs) purged += log.purge();
    return purged;
  }
}
