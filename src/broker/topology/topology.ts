import { maxPriorityArgument, queueTypeArgument, singleActiveConsumerArgument } from '../arguments.ts';
import type { BrokerContext } from '../broker-context.ts';
import { ExchangeDelay, type RoutingHost } from '../delays/exchange-delay.ts';
import { equipExchange, equipQueue } from '../equipment.ts';
import { internalUser } from '../events/entries.ts';
import type { TopologyEvents } from '../events/topology-events.ts';
import { event as eventType } from '../exchanges/event.ts';
import { predeclaredExchanges } from '../exchanges/predeclared.ts';
import { exchangeTypes } from '../exchanges/registry.ts';
import { Backlog } from '../log/backlog.ts';
import type { MessageLog } from '../log/message-log.ts';
import { SideLogs } from '../log/side-logs.ts';
import { QueueStats } from '../message-stats.ts';
import { describe, type ResourceKind } from '../names.ts';
import type { Policies } from '../policies/policies.ts';
import { type QueueType, queueTypes } from '../queue-type.ts';
import { ClassicQueue } from '../queues/classic-queue.ts';
import type { Queue, QueueOptions } from '../queues/queue.ts';
import type { QueueHost } from '../queues/queue-host.ts';
import { QuorumQueue } from '../queues/quorum-queue.ts';
import { Binding, type BoundExchange, type Destination } from '../routing/binding.ts';
import { Exchange, type ExchangeOptions } from '../routing/exchange.ts';
import { SetMap } from '../routing/set-map.ts';
import { Stream } from '../streams/stream.ts';
import {
  type BindingRow,
  bindingKey,
  bindingValue,
  type ExchangeRow,
  exchangeKey,
  exchangeValue,
  type QueueRow,
  queueKey,
  queueValue,
  type Row,
} from './definitions.ts';
import type { VhostLimits, VhostMetadata } from './vhost-metadata.ts';

const queueClasses = { classic: ClassicQueue, quorum: QuorumQueue, stream: Stream } as const;

/** What exchanges, queues and bindings need of the virtual host they are in. */
export interface TopologyHost extends QueueHost, RoutingHost {
  readonly broker: BrokerContext;
  readonly policies: Policies;
  readonly events: TopologyEvents;
  readonly metadata: VhostMetadata;
  readonly limits: VhostLimits;
}

/** What a declaration says of a new queue. */
export type NewQueue = Pick<QueueOptions, 'name' | 'durable' | 'autoDelete' | 'exclusiveOwner' | 'arguments'>;

/** What is known of a queue before the policies are asked. */
type DeclaredQueue = Omit<QueueOptions, 'vhost' | 'policies' | 'singleActiveConsumer' | 'backlog'>;

/**
 * The exchanges, queues and bindings of a virtual host: what is there, what else comes and goes with it, what the
 * store keeps of it, and who is told. Nothing is checked here, see the requests beside this file.
 */
export class Topology {
  /** Changes with every change of exchanges, queues or bindings: whoever remembers a route compares it. */
  version = 1;
  /** Those of type x-event. */
  readonly eventExchanges = new Set<Exchange>();
  /** Of the queues that are deleted. */
  readonly deletedQueues: ReadonlyMap<QueueType, QueueStats> = new Map(
    queueTypes.map((type) => [type, new QueueStats()]),
  );
  readonly #host: TopologyHost;
  readonly #exchanges = new Map<string, Exchange>();
  readonly #queues = new Map<string, Queue>();
  /** The bindings that lead to a queue or exchange, if there are any. */
  readonly #bindingsTo = new SetMap<Destination, Binding>();
  /** By connection. */
  readonly #exclusiveQueues = new SetMap<object, Queue>();

  constructor(host: TopologyHost) {
    this.#host = host;
    for (const exchange of predeclaredExchanges(host.name, this.#queues))
      this.#exchanges.set(exchange.name, exchange);
  }

  /** By name. */
  get exchanges(): ReadonlyMap<string, Exchange> {
    return this.#exchanges;
  }

  /** By name. */
  get queues(): ReadonlyMap<string, Queue> {
    return this.#queues;
  }

  /** Those of a connection. */
  exclusiveQueues(owner: object): readonly Queue[] {
    return [...this.#exclusiveQueues.get(owner)];
  }

  /** Those to the default exchange, which every queue has, are not among them. */
  *bindings(): Iterable<Binding> {
    for (const exchange of this.#exchanges.values()) yield* exchange.bindings();
  }

  bindingsTo(destination: Destination): Iterable<Binding> {
    return this.#bindingsTo.get(destination);
  }

  destination(kind: ResourceKind, name: string): Destination | undefined {
    return kind === 'queue' ? this.#queues.get(name) : this.#exchanges.get(name);
  }

  // ---- exchanges

  createExchange(options: ExchangeOptions, user: string): void {
    const { name, broker, events } = this.#host;
    const exchange = this.#addExchange(options);
    this.version++;
    if (exchange.durable) broker.define(exchangeKey(name, exchange.name), exchangeValue(exchange));
    events.exchangeCreated(exchange, user);
  }

  #addExchange(options: ExchangeOptions, found?: ExchangeRow): Exchange {
    const { broker, policies } = this.#host;
    const exchange = new Exchange(options);
    if (exchange.type.delays) {
      const lineId = found?.delayLineId ?? broker.newId();
      const delay = new ExchangeDelay(broker.delays, lineId, exchange, this.#host);
      exchange.interceptors = [delay];
      exchange.delayed = delay.line;
    }
    exchange.sideLogs = new SideLogs(broker, exchange.durable, found?.sideLogs);
    equipExchange(exchange, broker, exchange.sideLogs);
    exchange.applyPolicies(policies.match('exchange', exchange.name));
    this.#exchanges.set(exchange.name, exchange);
    if (exchange.type === eventType) this.eventExchanges.add(exchange);
    return exchange;
  }

  removeExchange({ name: exchangeName }: BoundExchange, user = internalUser): void {
    const exchange = this.#exchanges.get(exchangeName);
    if (exchange === undefined) return;
    // First from the table: removing its last binding would delete an auto-delete exchange once more.
    this.#exchanges.delete(exchangeName);
    const { name, broker, events } = this.#host;
    this.eventExchanges.delete(exchange);
    exchange.delayed?.close();
    exchange.close();
    this.version++;
    events.exchangeDeleted(exchange, user);
    for (const binding of [...exchange.bindings()]) this.removeBinding(binding, user);
    this.#removeBindingsTo(exchange, user);
    if (exchange.durable) broker.define(exchangeKey(name, exchange.name), null);
    for (const log of exchange.sideLogs?.logs ?? []) broker.dropLog(log);
  }

  // ---- queues

  createQueue(declared: NewQueue, user: string): Queue {
    const { name, broker, events } = this.#host;
    const { durable, exclusiveOwner, arguments: all } = declared;
    const type = queueTypeArgument(all);
    const logs: MessageLog[] = [];
    while (logs.length <= maxPriorityArgument(all)) logs.push(broker.createLog(type, durable));
    const queue = this.#addQueue({ ...declared, type, sideLogs: new SideLogs(broker, durable) }, logs);
    broker.churn.queueCreated++;
    this.version++;
    if (exclusiveOwner !== undefined) this.#exclusiveQueues.add(exclusiveOwner, queue);
    if (durable) broker.define(queueKey(name, queue.name), queueValue(queue));
    events.queueCreated(queue, user);
    return queue;
  }

  #addQueue(declared: DeclaredQueue, logs: readonly MessageLog[]): Queue {
    const { name, type } = declared;
    const queue = new queueClasses[type]({
      ...declared,
      vhost: this.#host,
      policies: this.#host.policies.match('queue', name, type),
      singleActiveConsumer: singleActiveConsumerArgument(declared.arguments),
      backlog: new Backlog(logs),
    });
    equipQueue(queue, this.#host.broker);
    this.#queues.set(name, queue);
    return queue;
  }

  removeQueue(queue: Queue, user = internalUser): void {
    const { name, broker, events } = this.#host;
    this.#queues.delete(queue.name);
    broker.churn.queueDeleted++;
    this.deletedQueues.get(queue.type)?.add(queue.stats);
    this.version++;
    this.#removeBindingsTo(queue, user);
    if (queue.exclusiveOwner !== undefined) this.#exclusiveQueues.remove(queue.exclusiveOwner, queue);
    if (queue.durable) broker.define(queueKey(name, queue.name), null);
    queue.close();
    events.queueDeleted(queue, user);
    for (const log of queue.logs) broker.dropLog(log);
  }

  // ---- bindings

  createBinding(binding: Binding, user: string): void {
    this.#addBinding(binding);
    this.#defineBindings(binding);
    this.#host.events.bindingCreated(binding, user);
  }

  #addBinding(binding: Binding): void {
    binding.source.addBinding(binding);
    this.#bindingsTo.add(binding.destination, binding);
    this.version++;
  }

  removeBinding(binding: Binding, user: string): void {
    const { source, destination } = binding;
    source.removeBinding(binding);
    this.#bindingsTo.remove(destination, binding);
    this.version++;
    this.#defineBindings(binding);
    this.#host.events.bindingDeleted(binding, user);
    if (source.autoDelete && source.bindingCount === 0) this.removeExchange(source, user);
  }

  #removeBindingsTo(destination: Destination, user: string): void {
    for (const binding of [...this.bindingsTo(destination)]) this.removeBinding(binding, user);
  }

  /** Has all bindings kept that differ from this one by their arguments only. */
  #defineBindings({ source, destination, routingKey }: Binding): void {
    if (!source.durable || !destination.durable) return;
    const { name, broker } = this.#host;
    const all = source.similarBindings(destination, routingKey).map((binding) => binding.arguments);
    broker.define(bindingKey(name, source, destination, routingKey), bindingValue(all));
  }

  // ---- after a restart

  /** Rebuilds what survived. @throws Error when a row is damaged */
  recover(rows: readonly Row[]): void {
    for (const row of rows) if (row.kind === 'exchange') this.#recoverExchange(row);
    for (const row of rows) if (row.kind === 'queue') this.#recoverQueue(row);
    for (const row of rows) if (row.kind === 'binding') this.#recoverBindings(row);
    this.version++;
  }

  #recoverExchange(row: ExchangeRow): void {
    const type = exchangeTypes.get(row.type);
    if (type === undefined) {
      const exchange = describe('exchange', row.name, this.#host.name);
      throw new Error(`${exchange} has the unknown type '${row.type}'`);
    }
    this.#addExchange({ ...row, type, durable: true }, row);
  }

  #recoverQueue(row: QueueRow): void {
    const { broker } = this.#host;
    const type = queueTypeArgument(row.arguments);
    const logs = row.logIds.map((logId) => broker.recoverLog(type, logId));
    const sideLogs = new SideLogs(broker, true, row.sideLogs);
    this.#addQueue({ ...row, type, durable: true, exclusiveOwner: undefined, sideLogs }, logs);
  }

  #recoverBindings(row: BindingRow): void {
    const source = this.#exchanges.get(row.source);
    const destination = this.destination(row.destinationKind, row.destination);
    if (source === undefined || destination === undefined) {
      const ends = `exchange '${row.source}' to ${row.destinationKind} '${row.destination}'`;
      throw new Error(`the binding from ${ends} in vhost '${this.#host.name}' lacks one of its ends`);
    }
    for (const all of row.arguments) {
      this.#addBinding(new Binding(source, destination, row.routingKey, all));
    }
  }
}
