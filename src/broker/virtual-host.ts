import type { FieldTable } from '../protocol/field-table.ts';
import { Slices } from '../slices.ts';
import type { Actor } from './actor.ts';
import type { BrokerContext } from './broker-context.ts';
import { DeadLetters } from './dead-letters/dead-letters.ts';
import { followPolicies } from './equipment.ts';
import { TopologyEvents } from './events/topology-events.ts';
import type { Message } from './message.ts';
import { ChannelStats, type QueueStats, TrafficStats } from './message-stats.ts';
import { Policies, type PolicyScope } from './policies/policies.ts';
import type { Policy, PolicyKind } from './policies/policy.ts';
import type { QueueType } from './queue-type.ts';
import type { Queue } from './queues/queue.ts';
import type { Binding, Destination } from './routing/binding.ts';
import type { Exchange } from './routing/exchange.ts';
import type { Route } from './routing/route.ts';
import { type MessageRouter, Routing } from './routing/routing.ts';
import type { Definition } from './store.ts';
import { Firehose } from './taps/firehose.ts';
import type { Tap } from './taps/taps.ts';
import { BindingRequests } from './topology/binding-requests.ts';
import type { BindingDeclaration, ExchangeDeclaration, QueueDeclaration } from './topology/declarations.ts';
import { policyKey, policyValue, readRow } from './topology/definitions.ts';
import { ExchangeRequests } from './topology/exchange-requests.ts';
import { QueueRequests } from './topology/queue-requests.ts';
import { Topology, type TopologyHost } from './topology/topology.ts';
import type { VhostLimits, VhostMetadata } from './topology/vhost-metadata.ts';

/** Exclusive queues that go before anybody looks at the clock. */
const queuesPerLook = 16;

/**
 * Exchanges, queues and bindings of one virtual host. The operations check what RabbitMQ checks, in its
 * order and with its texts, and throw AmqpError; CR and LF are dropped from the names they are given.
 */
export class VirtualHost implements PolicyScope, TopologyHost, MessageRouter {
  readonly name: string;
  readonly broker: BrokerContext;
  readonly policies: Policies = new Policies(this);
  readonly deadLetters: DeadLetters = new DeadLetters(this);
  readonly events: TopologyEvents;
  readonly firehose: Firehose;
  metadata: VhostMetadata = { description: '', tags: [], defaultQueueType: undefined };
  limits: VhostLimits = {};
  /** Of the channels that are closed. */
  readonly closedChannels: ChannelStats = new ChannelStats();
  /** Of the connections that are closed. */
  readonly closedConnections: TrafficStats = new TrafficStats();

  readonly #topology: Topology;
  readonly #exchanges: ExchangeRequests;
  readonly #queues: QueueRequests;
  readonly #bindings: BindingRequests;
  readonly #routing: Routing;
  #isStopped = false;

  constructor(name: string, broker: BrokerContext) {
    this.name = name;
    this.broker = broker;
    this.firehose = new Firehose(this);
    this.events = new TopologyEvents(broker.events, name);
    this.#topology = new Topology(this);
    this.#exchanges = new ExchangeRequests(name, this.#topology);
    this.#queues = new QueueRequests(this, this.#topology);
    this.#bindings = new BindingRequests(this, this.#topology);
    this.#routing = new Routing(this.#topology, broker.replies);
  }

  // ---- what is there

  exchanges(): Iterable<Exchange> {
    return this.#topology.exchanges.values();
  }

  queues(): Iterable<Queue> {
    return this.#topology.queues.values();
  }

  get queueCount(): number {
    return this.#topology.queues.size;
  }

  /** Those to the default exchange, which every queue has, are not among them. */
  bindings(): Iterable<Binding> {
    return this.#topology.bindings();
  }

  /** The bindings that lead to a queue or exchange. */
  bindingsTo(destination: Destination): Iterable<Binding> {
    return this.#topology.bindingsTo(destination);
  }

  findExchange(name: string): Exchange | undefined {
    return this.#topology.exchanges.get(name);
  }

  findQueue(name: string): Queue | undefined {
    return this.#topology.queues.get(name);
  }

  /** Those of type x-event. */
  get eventExchanges(): Iterable<Exchange> {
    return this.#topology.eventExchanges;
  }

  /** Counts of the queues that are deleted. */
  get deletedQueues(): ReadonlyMap<QueueType, QueueStats> {
    return this.#topology.deletedQueues;
  }

  /** Changes with every change of exchanges, queues or bindings: whoever remembers a route compares it. */
  get topologyVersion(): number {
    return this.#topology.version;
  }

  // ---- what clients ask for

  /** @throws AmqpError 403, 404, 406 */
  declareExchange(actor: Actor, declaration: ExchangeDeclaration): void {
    this.#exchanges.declare(actor, declaration);
  }

  /** What is not there counts as deleted. @throws AmqpError 403, 406 */
  deleteExchange(actor: Actor, options: { name: string; ifUnused: boolean }): void {
    this.#exchanges.delete(actor, options);
  }

  /** The same binding twice is one binding. @throws AmqpError 403, 404, 405, 406 */
  bind(actor: Actor, declaration: BindingDeclaration): void {
    this.#bindings.bind(actor, declaration);
  }

  /** What is not there counts as unbound. @throws AmqpError 403, 405 */
  unbind(actor: Actor, declaration: BindingDeclaration): void {
    this.#bindings.unbind(actor, declaration);
  }

  /** @throws AmqpError 403, 404 (passive), 405, 406 */
  declareQueue(actor: Actor, declaration: QueueDeclaration): Queue {
    return this.#queues.declare(actor, declaration);
  }

  /** Gives a queue other arguments; see {@link QueueRequests.change}. @throws AmqpError 406 */
  changeQueueArguments(queue: Queue, all: FieldTable): void {
    this.#queues.change(queue, all);
  }

  /**
   * The queue behind a consume, get or purge; permissions are the caller's to check.
   *
   * @throws AmqpError 404, 405 when it belongs to another connection
   */
  queue(actor: Actor, name: string): Queue {
    return this.#queues.owned(actor, name);
  }

  /** Returns how many ready messages went with it; what is not there had none. @throws AmqpError 403, 405, 406 */
  deleteQueue(actor: Actor, options: { name: string; ifUnused: boolean; ifEmpty: boolean }): number {
    return this.#queues.delete(actor, options);
  }

  /** Returns how many ready messages were dropped. @throws AmqpError 403, 404, 405 */
  purgeQueue(actor: Actor, name: string): number {
    return this.#queues.purge(actor, name);
  }

  /** @throws AmqpError 403 no permission or internal, 404 */
  exchangeForPublish(actor: Actor, name: string): Exchange {
    return this.#exchanges.forPublish(actor, name);
  }

  /** Shows `tap` what goes through an exchange, see {@link Exchange.watch}; the result ends that. */
  watchExchange(exchange: Exchange, tap: Tap): () => void {
    const end = exchange.watch(tap);
    this.#topology.version++;
    return () => {
      end();
      this.#topology.version++;
    };
  }

  /** Where a message goes; see {@link Routing}. @throws AmqpError 406 when CC or BCC is no array */
  route(exchange: Exchange, message: Message): Route {
    return this.#routing.route(exchange, message);
  }

  // ---- what happens to it

  /** The connection is gone, and its exclusive queues with it: bit by bit when they are many, until the promise resolves. */
  async deleteExclusiveQueues(owner: object): Promise<void> {
    const queues = this.#topology.exclusiveQueues(owner);
    if (queues.length === 0) return;
    const slices = new Slices(queuesPerLook);
    for (const queue of queues) {
      if (!queue.isDeleted) this.#topology.removeQueue(queue);
      const pause = slices.next();
      if (pause === undefined) continue;
      await pause;
      if (this.#isStopped) return;
    }
  }

  queueUnused(name: string): void {
    const queue = this.findQueue(name);
    if (queue !== undefined) this.#topology.removeQueue(queue);
  }

  policiesApplied(queue: Queue): void {
    followPolicies(queue, this.broker);
  }

  definePolicy(kind: PolicyKind, name: string, policy: Policy | undefined): void {
    this.broker.define(policyKey(kind, this.name, name), policyValue(policy));
    // Unbound messages may go elsewhere now.
    this.#topology.version++;
  }

  /**
   * Rebuilds what survived a restart from the rows of this virtual host.
   *
   * @throws Error when a row is damaged
   */
  recover(definitions: readonly Definition[]): void {
    const rows = definitions.map(readRow).filter((row) => row !== undefined);
    for (const row of rows) {
      if (row.kind === 'policy' || row.kind === 'operator_policy')
        this.policies.recover(row.kind, row.policy);
    }
    // So far there are only the exchanges of every virtual host.
    this.policies.apply();
    this.#topology.recover(rows);
  }

  /**
   * The virtual host is deleted, its connections are gone: deletes up to so many of its queues and then its exchanges,
   * and with the last ones everything else. To be called again while it returns true.
   */
  deleteSome(max: number): boolean {
    this.deadLetters.stop();
    this.policies.stop();
    let left = max;
    for (const queue of this.queues()) {
      if (left-- === 0) return true;
      this.#topology.removeQueue(queue);
    }
    for (const exchange of this.exchanges()) {
      if (left-- === 0) return true;
      this.#topology.removeExchange(exchange);
    }
    for (const kind of ['policy', 'operator_policy'] as const) {
      for (const { name } of this.policies.list(kind))
        this.broker.define(policyKey(kind, this.name, name), null);
    }
    return false;
  }

  /** Stops timers and dead letters; for the end of the broker, when everything stays as it is. */
  stop(): void {
    this.#isStopped = true;
    this.deadLetters.stop();
    this.policies.stop();
    for (const queue of this.queues()) queue.stop();
    for (const { delayed } of this.exchanges()) delayed?.stop();
  }
}
