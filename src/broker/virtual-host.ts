import { AmqpError, ReplyCode } from '../protocol/errors.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import type { Actor } from './actor.ts';
import {
  checkQueueArguments,
  comparedQueueArguments,
  exchangeNameArgument,
  maxPriorityArgument,
  queueTypeArgument,
  singleActiveConsumerArgument,
} from './arguments.ts';
import { Binding, type Destination } from './binding.ts';
import { checkChangedArguments } from './changed-arguments.ts';
import type { Clock } from './clock.ts';
import type { Committer } from './committer.ts';
import { DeadLetters } from './dead-letters.ts';
import type { BindingDeclaration, ExchangeDeclaration, QueueDeclaration } from './declarations.ts';
import { checkDeduplicationArguments, deduplicationArgument } from './deduplication/settings.ts';
import {
  type BindingRow,
  bindingKey,
  bindingValue,
  type ExchangeRow,
  exchangeKey,
  exchangeValue,
  policyKey,
  policyValue,
  type QueueRow,
  queueKey,
  queueValue,
  readRow,
} from './definitions.ts';
import type { Delays } from './delays/delays.ts';
import { ExchangeDelay } from './delays/exchange-delay.ts';
import { equipExchange, equipQueue } from './equipment.ts';
import { checkSameArguments, checkSameProperty } from './equivalence.ts';
import { internalUser } from './events/entries.ts';
import type { EventHub } from './events/event-hub.ts';
import { TopologyEvents } from './events/topology-events.ts';
import { Exchange, type ExchangeOptions } from './exchange.ts';
import { event as eventType } from './exchanges/event.ts';
import { predeclaredExchanges } from './exchanges/predeclared.ts';
import { exchangeTypes } from './exchanges/registry.ts';
import { Firehose } from './firehose.ts';
import type { Message } from './message.ts';
import { ChannelStats, type Churn, QueueStats, TrafficStats } from './message-stats.ts';
import {
  checkNotReserved,
  describe,
  generatedName,
  isReserved,
  type ResourceKind,
  stripLineBreaks,
} from './names.ts';
import type { Policy, PolicyKind } from './policies/policy.ts';
import { Policies, type PolicyScope } from './policies.ts';
import { Queue, type QueueOptions } from './queue.ts';
import { type QueueType, queueTypes } from './queue-type.ts';
import { Backlog } from './queues/backlog.ts';
import type { MessageLog } from './queues/message-log.ts';
import { QuorumQueue } from './quorum-queue.ts';
import { checkQuorumDelete, checkReplicatedProperties, checkServerNamed } from './quorum-rules.ts';
import type { RecentHistory } from './recent-history.ts';
import type { ReplyAddresses } from './reply-addresses.ts';
import type { Route } from './route.ts';
import { route } from './routing.ts';
import { SetMap } from './set-map.ts';
import { SideLogs } from './side-logs.ts';
import type { Definition, JsonValue } from './store.ts';
import { Stream } from './stream.ts';
import { checkSegmentBytes } from './stream-rules.ts';
import type { OffsetStamp } from './streams/offset-stamp.ts';
import type { SegmentCache } from './streams/segment-cache.ts';
import type { TurnBudget } from './streams/turn-budget.ts';
import type { Tap } from './taps.ts';

/** What can be limited for a virtual host (RabbitMQ page "Virtual Hosts"). */
export const vhostLimitNames = ['max-connections', 'max-queues'] as const;
export type VhostLimitName = (typeof vhostLimitNames)[number];

/** A limit that is absent or negative is none. */
export type VhostLimits = Readonly<Partial<Record<VhostLimitName, number>>>;

/** What is said of a virtual host besides what is in it. */
export interface VhostMetadata {
  readonly description: string;
  readonly tags: readonly string[];
  /** The type of queues that are declared without x-queue-type. */
  readonly defaultQueueType: QueueType | undefined;
}

/** What a virtual host needs from the broker around it. */
export interface BrokerContext {
  readonly clock: Clock;
  readonly store: { readonly durable: boolean };
  readonly replies: ReplyAddresses;
  readonly events: EventHub;
  readonly committer: Committer;
  /** What all streams share. */
  readonly segmentCache: SegmentCache;
  readonly offsetStamp: OffsetStamp;
  readonly turnBudget: TurnBudget;
  readonly churn: Churn;
  /** Notes a durable definition to be written with the next commit; `null` removes it. */
  define(key: readonly string[], value: JsonValue): void;
  readonly delays: Delays;
  /** For a log or a line of delayed messages: it was never used before. */
  newId(): number;
  /** A log with an id that was never used before. */
  createLog(type: QueueType, durable: boolean): MessageLog;
  recoverLog(type: QueueType, logId: number): MessageLog;
  /** A message leaves one log for another: see {@link Committer.moved}. */
  moved(): void;
  dropLog(log: MessageLog): void;
  /** The queue has something to deliver at the end of this turn. */
  touch(queue: Queue): void;
}

const queueClasses = { classic: Queue, quorum: QuorumQueue, stream: Stream } as const;

/** What a declaration says of a queue; the rest follows from it and the policies. */
type DeclaredQueue = Omit<QueueOptions, 'vhost' | 'policies' | 'singleActiveConsumer' | 'backlog'>;

/** The ends of a binding, if they are there. */
interface BindingEnds {
  readonly source: Exchange | undefined;
  readonly destination: Destination | undefined;
}

/**
 * Exchanges, queues and bindings of one virtual host. The operations check what RabbitMQ checks, in its
 * order and with its texts, and throw {@link AmqpError}; CR and LF are dropped from the names they are given.
 */
export class VirtualHost implements PolicyScope {
  readonly name: string;
  readonly broker: BrokerContext;
  readonly policies: Policies = new Policies(this);
  readonly deadLetters: DeadLetters = new DeadLetters(this);
  readonly events: TopologyEvents;
  /** Those of type x-event. */
  readonly eventExchanges = new Set<Exchange>();
  /** Changes with every change of exchanges, queues or bindings: whoever remembers a route compares it. */
  topologyVersion = 1;
  readonly firehose: Firehose = new Firehose(this);
  metadata: VhostMetadata = { description: '', tags: [], defaultQueueType: undefined };
  limits: VhostLimits = {};
  /** Of the channels that are closed. */
  readonly closedChannels: ChannelStats = new ChannelStats();
  /** Of the connections that are closed. */
  readonly closedConnections: TrafficStats = new TrafficStats();
  /** Of the queues that are deleted. */
  readonly deletedQueues: ReadonlyMap<QueueType, QueueStats> = new Map(
    queueTypes.map((type) => [type, new QueueStats()]),
  );

  readonly #exchanges = new Map<string, Exchange>();
  readonly #queues = new Map<string, Queue>();
  /** The bindings that lead to a queue or exchange, if there are any. */
  readonly #bindingsTo = new SetMap<Destination, Binding>();
  /** By connection. */
  readonly #exclusiveQueues = new SetMap<object, Queue>();

  constructor(name: string, broker: BrokerContext) {
    this.name = name;
    this.broker = broker;
    this.events = new TopologyEvents(broker.events, name);
    for (const exchange of predeclaredExchanges(name, this.#queues))
      this.#exchanges.set(exchange.name, exchange);
  }

  exchanges(): Iterable<Exchange> {
    return this.#exchanges.values();
  }

  get queueCount(): number {
    return this.#queues.size;
  }

  queues(): Iterable<Queue> {
    return this.#queues.values();
  }

  /** Those to the default exchange, which every queue has, are not among them. */
  *bindings(): Iterable<Binding> {
    for (const exchange of this.#exchanges.values()) yield* exchange.bindings();
  }

  /** The bindings that lead to a queue or exchange. */
  bindingsTo(destination: Destination): Iterable<Binding> {
    return this.#bindingsTo.get(destination);
  }

  findExchange(name: string): Exchange | undefined {
    return this.#exchanges.get(name);
  }

  findQueue(name: string): Queue | undefined {
    return this.#queues.get(name);
  }

  /** @throws AmqpError 403, 404, 406 */
  declareExchange(actor: Actor, declaration: ExchangeDeclaration): void {
    const name = stripLineBreaks(declaration.name);
    if (declaration.passive) {
      checkNotDefault(name);
      this.#expectExchange(name);
      return;
    }
    const { durable, autoDelete, internal, arguments: all } = declaration;
    const type = exchangeTypes.get(declaration.type);
    if (type === undefined) throw preconditionFailed(`unknown exchange type '${declaration.type}'`);
    checkNotDefault(name);
    actor.require('configure', 'exchange', name);
    const resource = this.#describe('exchange', name);
    const existing = this.#exchanges.get(name);
    if (existing !== undefined) {
      checkSameProperty(resource, 'type', type.name, existing.type.name);
      checkSameProperty(resource, 'durable', durable, existing.durable);
      checkSameProperty(resource, 'auto_delete', autoDelete, existing.autoDelete);
      checkSameProperty(resource, 'internal', internal, existing.internal);
      checkSameArguments(resource, ['alternate-exchange'], all, existing.arguments);
      return;
    }
    checkNotReserved('exchange', name);
    type.checkArguments?.(all);
    if (all.has(deduplicationArgument)) checkDeduplicationArguments(all, false);
    const alternate = exchangeNameArgument(resource, 'alternate-exchange', all);
    if (alternate !== undefined) {
      actor.require('read', 'exchange', name);
      actor.require('write', 'exchange', alternate);
    }
    const exchange = this.#addExchange({ name, type, durable, autoDelete, internal, arguments: all });
    this.topologyVersion++;
    if (durable) this.broker.define(exchangeKey(this.name, name), exchangeValue(exchange));
    this.events.exchangeCreated(exchange, actor.username);
  }

  #addExchange(options: ExchangeOptions, found?: ExchangeRow): Exchange {
    const exchange = new Exchange(options);
    if (exchange.type.delays) {
      const lineId = found?.delayLineId ?? this.broker.newId();
      const delay = new ExchangeDelay(this.broker.delays, lineId, exchange, this);
      exchange.interceptors = [delay];
      exchange.delayed = delay.line;
    }
    exchange.sideLogs = new SideLogs(this.broker, exchange.durable, found?.sideLogs);
    equipExchange(exchange, this.broker, exchange.sideLogs);
    exchange.applyPolicies(this.policies.match('exchange', exchange.name));
    this.#exchanges.set(exchange.name, exchange);
    if (exchange.type === eventType) this.eventExchanges.add(exchange);
    return exchange;
  }

  /** What is not there counts as deleted. @throws AmqpError 403, 406 */
  deleteExchange(actor: Actor, options: { name: string; ifUnused: boolean }): void {
    const name = stripLineBreaks(options.name);
    checkNotDefault(name);
    if (isReserved(name)) {
      const text = `deletion of system ${this.#describe('exchange', name)} not allowed`;
      throw new AmqpError(ReplyCode.AccessRefused, text);
    }
    actor.require('configure', 'exchange', name);
    const exchange = this.#exchanges.get(name);
    if (exchange === undefined) return;
    if (options.ifUnused && exchange.bindingCount > 0) {
      throw preconditionFailed(`${this.#describe('exchange', name)} in use`);
    }
    this.#removeExchange(exchange, actor.username);
  }

  /** The same binding twice is one binding. @throws AmqpError 403, 404, 405, 406 */
  bind(actor: Actor, declaration: BindingDeclaration): void {
    const { routingKey, arguments: all } = declaration;
    const { source, destination } = this.#bindingEnds(actor, declaration);
    if (source === undefined) throw this.#notFound('exchange', stripLineBreaks(declaration.source));
    if (destination === undefined) {
      throw this.#notFound(declaration.destinationKind, stripLineBreaks(declaration.destination));
    }
    if (destination instanceof Queue) this.#checkOwner(actor, destination);
    source.type.checkBinding?.(routingKey, all, source.arguments);
    if (source.findBinding(destination, routingKey, all) !== undefined) return;
    const binding = new Binding(source, destination, routingKey, all);
    this.#addBinding(binding);
    this.#defineBindings(source, destination, routingKey);
    this.events.bindingCreated(binding, actor.username);
    if (source.history !== undefined) this.#replay(source.history, destination);
  }

  /** A new binding gets what its exchange remembers. */
  #replay(history: RecentHistory, destination: Destination): void {
    const now = this.broker.clock.now();
    for (const message of history.messages()) {
      if (destination instanceof Queue) destination.publish(message, now);
      else this.route(destination, message).publish(message, now);
    }
  }

  /** What is not there counts as unbound. @throws AmqpError 403, 405 */
  unbind(actor: Actor, declaration: BindingDeclaration): void {
    const { source, destination } = this.#bindingEnds(actor, declaration);
    if (source === undefined || destination === undefined) return;
    const binding = source.findBinding(destination, declaration.routingKey, declaration.arguments);
    if (binding === undefined) return;
    if (destination instanceof Queue) this.#checkOwner(actor, destination);
    this.#removeBinding(binding, actor.username);
  }

  #bindingEnds(actor: Actor, declaration: BindingDeclaration): BindingEnds {
    const { destinationKind: kind } = declaration;
    const source = stripLineBreaks(declaration.source);
    const destination = stripLineBreaks(declaration.destination);
    actor.require('write', kind, destination);
    if (kind === 'exchange') checkNotDefault(destination);
    checkNotDefault(source);
    actor.require('read', 'exchange', source);
    const exchange = this.#exchanges.get(source);
    if (exchange !== undefined) actor.requireTopic('read', exchange, declaration.routingKey);
    return { source: exchange, destination: this.#destination(kind, destination) };
  }

  /** @throws AmqpError 403, 404 (passive), 405, 406 */
  declareQueue(actor: Actor, declaration: QueueDeclaration): Queue {
    const given = stripLineBreaks(declaration.name);
    this.broker.churn.queueDeclared++;
    if (declaration.passive) {
      const queue = this.queue(actor, given);
      queue.touchIdle();
      return queue;
    }
    const { exclusive, autoDelete } = declaration;
    // What lives no longer than a connection survives no restart.
    const durable = declaration.durable && !exclusive;
    const all = this.#withDefaultType(declaration.arguments, durable, exclusive);
    if (given === '') checkServerNamed(all);
    const name = given === '' ? generatedName('amq.gen-') : given;
    const existing = this.#queues.get(name);
    if (given !== '') checkNotReserved('queue', name);
    actor.require('configure', 'queue', name);
    const resource = this.#describe('queue', name);
    if (existing !== undefined) {
      const isSameOwner = existing.exclusiveOwner === (exclusive ? actor.owner : undefined);
      if (!isSameOwner) throw this.#locked(existing);
      checkSameProperty(resource, 'durable', durable, existing.durable);
      checkSameProperty(resource, 'auto_delete', autoDelete, existing.autoDelete);
      checkSameArguments(resource, comparedQueueArguments(existing.type), all, existing.arguments);
      existing.touchIdle();
      return existing;
    }
    this.#checkQueueLimit(name);
    const deadLetterExchange = exchangeNameArgument(resource, 'x-dead-letter-exchange', all);
    if (deadLetterExchange !== undefined) {
      actor.require('read', 'queue', name);
      actor.require('write', 'exchange', deadLetterExchange);
    }
    checkQueueArguments(resource, all);
    const type = queueTypeArgument(all);
    // What is in a stream stays: it cannot go by the messages that are there.
    if (all.has(deduplicationArgument)) checkDeduplicationArguments(all, type === 'stream');
    if (type !== 'classic') checkReplicatedProperties(resource, { ...declaration, durable });
    if (type === 'stream') checkSegmentBytes(all);
    const queue = this.#createQueue(name, durable, autoDelete, exclusive ? actor.owner : undefined, all);
    this.events.queueCreated(queue, actor.username);
    return queue;
  }

  /**
   * Gives a queue other arguments in place of all it has, as long as it need not be built anew for them. They hold
   * at once, for messages that come; those that are there keep their times to live.
   *
   * @throws AmqpError 406
   */
  changeQueueArguments(queue: Queue, all: FieldTable): void {
    const resource = this.#describe('queue', queue.name);
    exchangeNameArgument(resource, 'x-dead-letter-exchange', all);
    checkQueueArguments(resource, all);
    checkChangedArguments(resource, queue.arguments, all);
    queue.changeArguments(all);
    if (queue.durable && !queue.isDeleted)
      this.broker.define(queueKey(this.name, queue.name), queueValue(queue));
  }

  /** A queue that cannot be of the default type is classic. */
  #withDefaultType(all: FieldTable, durable: boolean, exclusive: boolean): FieldTable {
    const { defaultQueueType: type } = this.metadata;
    if (type === undefined || all.has('x-queue-type')) return all;
    if (type !== 'classic' && (!durable || exclusive)) return all;
    return all.with('x-queue-type', { tag: 'S', value: Buffer.from(type) });
  }

  #checkQueueLimit(name: string): void {
    const limit = this.limits['max-queues'];
    if (limit === undefined || limit < 0 || this.#queues.size < limit) return;
    const reached = `queue limit in vhost '${this.name}' (${limit}) is reached`;
    throw preconditionFailed(`cannot declare queue '${name}': ${reached}`);
  }

  #createQueue(
    name: string,
    durable: boolean,
    autoDelete: boolean,
    exclusiveOwner: object | undefined,
    all: FieldTable,
  ): Queue {
    const type = queueTypeArgument(all);
    const logs: MessageLog[] = [];
    while (logs.length <= maxPriorityArgument(all)) logs.push(this.broker.createLog(type, durable));
    const sideLogs = new SideLogs(this.broker, durable);
    const declared = { name, type, durable, autoDelete, exclusiveOwner, arguments: all, sideLogs };
    const queue = this.#addQueue(declared, logs);
    this.broker.churn.queueCreated++;
    this.topologyVersion++;
    if (exclusiveOwner !== undefined) this.#exclusiveQueues.add(exclusiveOwner, queue);
    if (durable) this.broker.define(queueKey(this.name, name), queueValue(queue));
    return queue;
  }

  #addQueue(options: DeclaredQueue, logs: readonly MessageLog[]): Queue {
    const { name, type } = options;
    const all: QueueOptions = {
      ...options,
      vhost: this,
      policies: this.policies.match('queue', name, type),
      singleActiveConsumer: singleActiveConsumerArgument(options.arguments),
      backlog: new Backlog(logs),
    };
    const queue = new queueClasses[type](all);
    equipQueue(queue, this.broker);
    this.#queues.set(name, queue);
    return queue;
  }

  /**
   * The queue behind a consume, get or purge; permissions are the caller's to check.
   *
   * @throws AmqpError 404, 405 when it belongs to another connection
   */
  queue(actor: Actor, name: string): Queue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw this.#notFound('queue', name);
    this.#checkOwner(actor, queue);
    return queue;
  }

  /** Returns how many ready messages went with it; what is not there had none. @throws AmqpError 403, 405, 406 */
  deleteQueue(actor: Actor, options: { name: string; ifUnused: boolean; ifEmpty: boolean }): number {
    const name = stripLineBreaks(options.name);
    actor.require('configure', 'queue', name);
    const queue = this.#queues.get(name);
    if (queue === undefined) return 0;
    this.#checkOwner(actor, queue);
    const resource = this.#describe('queue', name);
    if (queue.type === 'quorum') checkQuorumDelete(resource, options);
    if (options.ifEmpty && queue.readyCount > 0) throw preconditionFailed(`${resource} not empty`);
    if (options.ifUnused && queue.consumerCount > 0) throw preconditionFailed(`${resource} in use`);
    const { readyCount } = queue;
    this.#removeQueue(queue, actor.username);
    return readyCount;
  }

  /** Returns how many ready messages were dropped. @throws AmqpError 403, 404, 405 */
  purgeQueue(actor: Actor, name: string): number {
    const stripped = stripLineBreaks(name);
    actor.require('read', 'queue', stripped);
    return this.queue(actor, stripped).purge();
  }

  /** The connection is gone, and its exclusive queues with it. */
  deleteExclusiveQueues(owner: object): void {
    for (const queue of [...this.#exclusiveQueues.get(owner)]) this.#removeQueue(queue);
  }

  /** An auto-delete queue lost its last consumer, or x-expires ran out. */
  queueUnused(queue: Queue): void {
    if (!queue.isDeleted) this.#removeQueue(queue);
  }

  /** @throws AmqpError 403 no permission or internal, 404 */
  exchangeForPublish(actor: Actor, name: string): Exchange {
    actor.require('write', 'exchange', name);
    const exchange = this.#expectExchange(name);
    if (exchange.internal) {
      const text = `cannot publish to internal ${this.#describe('exchange', name)}`;
      throw new AmqpError(ReplyCode.AccessRefused, text);
    }
    return exchange;
  }

  /** Shows `tap` what goes through an exchange, see {@link Exchange.watch}; the result ends that. */
  watchExchange(exchange: Exchange, tap: Tap): () => void {
    const end = exchange.watch(tap);
    this.topologyVersion++;
    return () => {
      end();
      this.topologyVersion++;
    };
  }

  /** Where a message goes; see routing.ts. @throws AmqpError 406 when CC or BCC is no array */
  route(exchange: Exchange, message: Message): Route {
    return route(this.#exchanges, this.broker.replies, this.topologyVersion, exchange, message);
  }

  definePolicy(kind: PolicyKind, name: string, policy: Policy | undefined): void {
    this.broker.define(policyKey(kind, this.name, name), policyValue(policy));
    // Unbound messages may go elsewhere now.
    this.topologyVersion++;
  }

  /**
   * The virtual host is deleted, its connections are gone: deletes up to so many of its queues, and with the last
   * ones everything else. To be called again while it returns true.
   */
  deleteSome(queuesMax: number): boolean {
    this.deadLetters.stop();
    let left = queuesMax;
    for (const queue of this.#queues.values()) {
      if (left-- === 0) break;
      this.#removeQueue(queue);
    }
    if (this.#queues.size > 0) return true;
    for (const exchange of [...this.#exchanges.values()]) this.#removeExchange(exchange);
    for (const kind of ['policy', 'operator_policy'] as const) {
      for (const { name } of this.policies.list(kind))
        this.broker.define(policyKey(kind, this.name, name), null);
    }
    return false;
  }

  /** Stops timers and dead letters; for the end of the broker, when everything stays as it is. */
  stop(): void {
    this.deadLetters.stop();
    for (const queue of this.#queues.values()) queue.stop();
    for (const { delayed } of this.#exchanges.values()) delayed?.stop();
  }

  /**
   * Rebuilds what survived a restart from the rows of this virtual host.
   *
   * @throws Error when a row is damaged
   */
  recover(definitions: readonly Definition[]): void {
    const rows = definitions.map(readRow);
    for (const row of rows) {
      if (row?.kind === 'policy' || row?.kind === 'operator_policy')
        this.policies.recover(row.kind, row.policy);
    }
    // So far there are only the exchanges of every virtual host.
    this.policies.apply();
    for (const row of rows) if (row?.kind === 'exchange') this.#recoverExchange(row);
    for (const row of rows) if (row?.kind === 'queue') this.#recoverQueue(row);
    for (const row of rows) if (row?.kind === 'binding') this.#recoverBindings(row);
    this.topologyVersion++;
  }

  #recoverExchange(row: ExchangeRow): void {
    const type = exchangeTypes.get(row.type);
    if (type === undefined) {
      throw new Error(`${this.#describe('exchange', row.name)} has the unknown type '${row.type}'`);
    }
    this.#addExchange({ ...row, type, durable: true }, row);
  }

  #recoverQueue(row: QueueRow): void {
    const type = queueTypeArgument(row.arguments);
    const logs = row.logIds.map((logId) => this.broker.recoverLog(type, logId));
    const sideLogs = new SideLogs(this.broker, true, row.sideLogs);
    this.#addQueue({ ...row, type, durable: true, exclusiveOwner: undefined, sideLogs }, logs);
  }

  #recoverBindings(row: BindingRow): void {
    const source = this.#exchanges.get(row.source);
    const destination = this.#destination(row.destinationKind, row.destination);
    if (source === undefined || destination === undefined) {
      const ends = `exchange '${row.source}' to ${row.destinationKind} '${row.destination}'`;
      throw new Error(`the binding from ${ends} in vhost '${this.name}' lacks one of its ends`);
    }
    for (const all of row.arguments) {
      this.#addBinding(new Binding(source, destination, row.routingKey, all));
    }
  }

  #addBinding(binding: Binding): void {
    binding.source.addBinding(binding);
    this.#bindingsTo.add(binding.destination, binding);
    this.topologyVersion++;
  }

  #removeBinding(binding: Binding, user: string): void {
    const { source, destination, routingKey } = binding;
    source.removeBinding(binding);
    this.#bindingsTo.remove(destination, binding);
    this.topologyVersion++;
    this.#defineBindings(source, destination, routingKey);
    this.events.bindingDeleted(binding, user);
    if (source.autoDelete && source.bindingCount === 0) this.#removeExchange(source, user);
  }

  #defineBindings(source: Exchange, destination: Destination, routingKey: string): void {
    if (!source.durable || !destination.durable) return;
    const all = source.similarBindings(destination, routingKey).map((binding) => binding.arguments);
    this.broker.define(bindingKey(this.name, source, destination, routingKey), bindingValue(all));
  }

  #removeExchange(exchange: Exchange, user = internalUser): void {
    // First from the table: removing its last binding would delete an auto-delete exchange once more.
    if (!this.#exchanges.delete(exchange.name)) return;
    this.eventExchanges.delete(exchange);
    exchange.delayed?.close();
    exchange.close();
    this.topologyVersion++;
    this.events.exchangeDeleted(exchange, user);
    for (const binding of [...exchange.bindings()]) this.#removeBinding(binding, user);
    this.#removeBindingsTo(exchange, user);
    if (exchange.durable) this.broker.define(exchangeKey(this.name, exchange.name), null);
    for (const log of exchange.sideLogs?.logs ?? []) this.broker.dropLog(log);
  }

  #removeQueue(queue: Queue, user = internalUser): void {
    this.#queues.delete(queue.name);
    this.broker.churn.queueDeleted++;
    this.deletedQueues.get(queue.type)?.add(queue.stats);
    this.topologyVersion++;
    this.#removeBindingsTo(queue, user);
    if (queue.exclusiveOwner !== undefined) this.#exclusiveQueues.remove(queue.exclusiveOwner, queue);
    if (queue.durable) this.broker.define(queueKey(this.name, queue.name), null);
    queue.close();
    this.events.queueDeleted(queue, user);
    for (const log of queue.logs) this.broker.dropLog(log);
  }

  #removeBindingsTo(destination: Destination, user: string): void {
    for (const binding of [...this.bindingsTo(destination)]) this.#removeBinding(binding, user);
  }

  #destination(kind: ResourceKind, name: string): Destination | undefined {
    return kind === 'queue' ? this.#queues.get(name) : this.#exchanges.get(name);
  }

  #checkOwner(actor: Actor, queue: Queue): void {
    if (queue.exclusiveOwner !== undefined && queue.exclusiveOwner !== actor.owner) throw this.#locked(queue);
  }

  #expectExchange(name: string): Exchange {
    const exchange = this.#exchanges.get(name);
    if (exchange === undefined) throw this.#notFound('exchange', name);
    return exchange;
  }

  #locked(queue: Queue): AmqpError {
    return new AmqpError(
      ReplyCode.ResourceLocked,
      `cannot obtain exclusive access to locked ${this.#describe('queue', queue.name)}. It could be originally ` +
        'declared on another connection or the exclusive property value does not match that of the original ' +
        'declaration.',
    );
  }

  #notFound(kind: ResourceKind, name: string): AmqpError {
    return new AmqpError(ReplyCode.NotFound, `no ${this.#describe(kind, name)}`);
  }

  #describe(kind: ResourceKind, name: string): string {
    return describe(kind, name, this.name);
  }
}

function checkNotDefault(name: string): void {
  if (name !== '') return;
  throw new AmqpError(ReplyCode.AccessRefused, 'operation not permitted on the default exchange');
}

function preconditionFailed(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, explanation);
}
