import type { Actor } from '../../src/broker/actor.ts';
import type { BrokerContext } from '../../src/broker/broker-context.ts';
import type { Clock, Timer } from '../../src/broker/clock.ts';
import { Committer } from '../../src/broker/committer.ts';
import { DeadLetterCounts } from '../../src/broker/dead-letters/dead-letter-counts.ts';
import { Delays } from '../../src/broker/delays/delays.ts';
import { EventHub } from '../../src/broker/events/event-hub.ts';
import type { LogContext } from '../../src/broker/log/log-context.ts';
import { MessageLog } from '../../src/broker/log/message-log.ts';
import { SlabPool } from '../../src/broker/log/slab.ts';
import { Message } from '../../src/broker/message.ts';
import { MessageSizes } from '../../src/broker/message-sizes.ts';
import { Churn } from '../../src/broker/message-stats.ts';
import type { QueueType } from '../../src/broker/queue-type.ts';
import type { ConsumerChannel } from '../../src/broker/queues/consumer.ts';
import type { Queue } from '../../src/broker/queues/queue.ts';
import { ReplyAddresses } from '../../src/broker/routing/reply-addresses.ts';
import { type Definition, type JsonValue, MemoryStore } from '../../src/broker/store.ts';
import { OffsetStamp } from '../../src/broker/streams/offset-stamp.ts';
import { SegmentCache } from '../../src/broker/streams/segment-cache.ts';
import { TurnBudget } from '../../src/broker/streams/turn-budget.ts';
import type { TouchedQueue } from '../../src/broker/turn.ts';
import { VirtualHost } from '../../src/broker/virtual-host.ts';
import {
  type BasicProperties,
  decodeProperties,
  writeProperties,
} from '../../src/protocol/basic-properties.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { AmqpError } from '../../src/protocol/errors.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';

/** Where the consumers of tests say that they are. */
export const consumerChannel: ConsumerChannel = {
  name: 'client -> broker (1)',
  number: 1,
  connectionName: 'client -> broker',
  username: 'guest',
  peerHost: '127.0.0.1',
  peerPort: 1,
};

/** Time stands still until a test moves it. */
export class ManualClock implements Clock {
  #now = 1_700_000_000_000;
  readonly #timers = new Set<{ due: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const timer = { due: this.#now + delayMs, run };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const timer of [...this.#timers].sort((a, b) => a.due - b.due)) {
      if (timer.due > this.#now || !this.#timers.delete(timer)) continue;
      timer.run();
    }
  }
}

/** The surroundings of a virtual host in memory: definitions in a map, turns that end when a test says so. */
export class TestBroker implements BrokerContext, LogContext {
  readonly replies = new ReplyAddresses();
  readonly churn = new Churn();
  readonly messageSizes = new MessageSizes();
  readonly deadLetterCounts = new DeadLetterCounts();
  readonly clock = new ManualClock();
  readonly events = new EventHub(this.clock);
  readonly store = new MemoryStore();
  readonly slabs = new SlabPool();
  readonly committer = new Committer(this.store, { storeFailed: () => {}, storeFull: () => {} });
  readonly segmentCache = new SegmentCache(this.store, this.slabs);
  readonly offsetStamp = new OffsetStamp();
  readonly turnBudget = new TurnBudget(this.committer);
  readonly slabBytesTarget = 64 * 1024 * 1024;
  readonly droppedLogs: number[] = [];
  readonly isDiskBehind = false;
  readonly delays: Delays = new Delays(this);
  readonly #rows = new Map<string, Definition>();
  #touched: TouchedQueue[] = [];
  #nextLogId = 1;

  define(key: readonly string[], value: JsonValue): void {
    if (value === null) this.#rows.delete(JSON.stringify(key));
    else this.#rows.set(JSON.stringify(key), { key, value });
  }

  /** What a restart would find, after a trip through JSON. */
  definitions(): Definition[] {
    return JSON.parse(JSON.stringify([...this.#rows.values()]));
  }

  moved(): void {}

  reportUnreadable(resource: string, cause: unknown): void {
    throw new Error(`${resource} cannot be read`, { cause });
  }

  newId(): number {
    return this.#nextLogId++;
  }

  createLog(type: QueueType, durable: boolean): MessageLog {
    return new MessageLog(this, { id: this.newId(), durable, type });
  }

  recoverLog(type: QueueType, logId: number): MessageLog {
    return new MessageLog(this, { id: logId, durable: true, type });
  }

  dropLog(log: MessageLog): void {
    log.drop();
    this.droppedLogs.push(log.id);
  }

  touch(queue: TouchedQueue): void {
    queue.isTouched = true;
    this.#touched.push(queue);
  }

  endTurn(): void {
    while (this.#touched.length > 0) {
      const queues = this.#touched;
      this.#touched = [];
      for (const queue of queues) queue.isTouched = false;
      for (const queue of queues) if (!queue.isDeleted) queue.drain(this.clock.now());
    }
  }

  logUnwritten(): void {}
  writingAhead(): void {}
  logUsed(): void {}
  reportMissing(): void {}
}

/** Somebody who may do everything but what `refuses` names: `write exchange x`. */
export class TestActor implements Actor {
  readonly owner = {};
  readonly username = 'guest';
  readonly version = 0;
  readonly asked: string[] = [];
  refuses = '';

  checksTopics(): boolean {
    return false;
  }

  requireTopic(): void {}

  require(permission: string, kind: string, name: string): void {
    const request = `${permission} ${kind} ${name}`;
    this.asked.push(request);
    if (request === this.refuses) throw new AmqpError(403, `access to ${kind} '${name}' refused`);
  }
}

/** A virtual host with short words for what tests do all the time. */
export class TestHost {
  readonly broker = new TestBroker();
  readonly vhost = new VirtualHost('/', this.broker);
  readonly actor = new TestActor();

  exchange(name: string, type: string, all = FieldTable.empty, options: Partial<ExchangeFlags> = {}): void {
    const flags = { passive: false, durable: false, autoDelete: false, internal: false, ...options };
    this.vhost.declareExchange(this.actor, { name, type, arguments: all, ...flags });
  }

  queue(name: string, all = FieldTable.empty, options: Partial<QueueFlags> = {}, actor = this.actor): Queue {
    const flags = { passive: false, durable: false, autoDelete: false, exclusive: false, ...options };
    return this.vhost.declareQueue(actor, { name, arguments: all, ...flags });
  }

  bind(source: string, destination: string, routingKey = '', all = FieldTable.empty): void {
    this.vhost.bind(this.actor, binding(source, destination, 'queue', routingKey, all));
  }

  unbind(source: string, destination: string, routingKey = '', all = FieldTable.empty): void {
    this.vhost.unbind(this.actor, binding(source, destination, 'queue', routingKey, all));
  }

  bindExchange(source: string, destination: string, routingKey = '', all = FieldTable.empty): void {
    this.vhost.bind(this.actor, binding(source, destination, 'exchange', routingKey, all));
  }

  unbindExchange(source: string, destination: string, routingKey = '', all = FieldTable.empty): void {
    this.vhost.unbind(this.actor, binding(source, destination, 'exchange', routingKey, all));
  }

  deleteExchange(name: string, ifUnused = false): void {
    this.vhost.deleteExchange(this.actor, { name, ifUnused });
  }

  deleteQueue(name: string, options: { ifUnused?: boolean; ifEmpty?: boolean } = {}): number {
    return this.vhost.deleteQueue(this.actor, { name, ifUnused: false, ifEmpty: false, ...options });
  }

  hasExchange(name: string): boolean {
    return this.vhost.findExchange(name) !== undefined;
  }

  /** Names of the queues a message would go to, sorted. */
  routes(exchange: string, routingKey: string, headers?: FieldTable): string[] {
    const message = messageOf(exchange, routingKey, { headers });
    const { queues } = this.vhost.route(this.vhost.exchangeForPublish(this.actor, exchange), message);
    return queues.map((queue) => queue.name).sort();
  }

  publish(exchange: string, routingKey: string, properties: BasicProperties = {}, body = ''): void {
    const message = messageOf(exchange, routingKey, properties, body);
    if (properties.expiration !== undefined) message.expirationMs = Number(properties.expiration);
    const route = this.vhost.route(this.vhost.exchangeForPublish(this.actor, exchange), message);
    route.publish(message, this.broker.clock.now());
    this.broker.endTurn();
  }
}

type ExchangeFlags = { passive: boolean; durable: boolean; autoDelete: boolean; internal: boolean };
type QueueFlags = { passive: boolean; durable: boolean; autoDelete: boolean; exclusive: boolean };

function binding(
  source: string,
  destination: string,
  destinationKind: 'queue' | 'exchange',
  routingKey: string,
  all: FieldTable,
) {
  return { source, destination, destinationKind, routingKey, arguments: all };
}

export function messageOf(
  exchange: string,
  routingKey: string,
  properties: BasicProperties = {},
  body = '',
): Message {
  const writer = new ByteWriter();
  writeProperties(writer, properties);
  return Message.of(exchange, routingKey, writer.bytes(), Buffer.from(body));
}

export function propertiesOf(message: Message): BasicProperties {
  return decodeProperties(message.frames, message.propertiesStart, message.propertiesEnd);
}

/** The next message of a queue, taken off it. */
export function take(queue: Queue): Message | undefined {
  const taken = queue.get(false);
  if (taken === undefined) return undefined;
  const { buffer, offsets } = taken.segment.expectSlab();
  const message = Message.fromRecord(buffer, offsets[taken.index] ?? 0, offsets[taken.index + 1] ?? 0).copy();
  queue.acknowledge(taken.segment, taken.index);
  return message;
}

/** The reply text of the error that `run` throws; fails when there is none. */
export function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof AmqpError) return `${error.code} ${error.replyText.replace(/^[A-Z_]+ - /, '')}`;
    throw error;
  }
  return 'accepted';
}
