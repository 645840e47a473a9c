import { type FieldEntry, FieldTable } from '../../protocol/field-table.ts';
import { int64 } from '../../protocol/field-value.ts';
import type { Clock } from '../clock.ts';

/** Something that has happened, in the words of RabbitMQ's event exchange (its plugin rabbitmq_event_exchange). */
export class BrokerEvent {
  /** `queue.created` */
  readonly type: string;
  /** Where it happened; undefined: it concerns the broker as a whole. */
  readonly vhost: string | undefined;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly #describe: () => readonly FieldEntry[];
  #details: FieldTable | undefined;

  constructor(type: string, vhost: string | undefined, at: number, describe: () => readonly FieldEntry[]) {
    this.type = type;
    this.vhost = vhost;
    this.at = at;
    this.#describe = describe;
  }

  /** What there is to know, as RabbitMQ puts it into headers. Made on first use, by a listener while it is told. */
  get details(): FieldTable {
    this.#details ??= new FieldTable([...this.#describe(), ['timestamp_in_ms', int64(this.at)]]);
    return this.#details;
  }
}

/** Hears of an event when it has happened. */
export type EventListener = (event: BrokerEvent) => void;

/** Where whoever changes something says so, and whoever wants to know listens: at once, one after the other. */
export class EventHub {
  readonly #clock: Clock;
  readonly #listeners = new Set<EventListener>();
  readonly #pids = new WeakMap<object, string>();
  #lastPid = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `listener` with every event from now on; the result ends that. A listener must not throw. */
  listen(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Something has happened; `describe` is called at most once, before this returns, if somebody asks. */
  tell(type: string, vhost: string | undefined, describe: () => readonly FieldEntry[]): void {
    if (this.#listeners.size === 0) return;
    const event = new BrokerEvent(type, vhost, this.#clock.now(), describe);
    for (const listener of this.#listeners) listener(event);
  }

  /** What stands for a connection or a channel where RabbitMQ names an Erlang process: the same as long as it lives. */
  pidOf(owner: object): string {
    const known = this.#pids.get(owner);
    if (known !== undefined) return known;
    const pid = `<leveret.${++this.#lastPid}.0>`;
    this.#pids.set(owner, pid);
    return pid;
  }
}
