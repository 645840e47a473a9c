import type { FieldTable } from '../../protocol/field-table.ts';
import type { Actor } from '../actor.ts';
import { queueTypeArgument } from '../arguments.ts';
import { checkDeduplicationArguments, deduplicationArgument } from '../deduplication/settings.ts';
import { checkNotReserved, describe, generatedName, stripLineBreaks } from '../names.ts';
import {
  checkQueueArguments,
  comparedQueueArguments,
  exchangeNameArgument,
} from '../queues/argument-rules.ts';
import type { Queue } from '../queues/queue.ts';
import { checkQuorumDelete, checkReplicatedProperties, checkServerNamed } from '../queues/quorum-rules.ts';
import { checkSegmentBytes } from '../streams/stream-rules.ts';
import { checkChangedArguments } from './changed-arguments.ts';
import type { QueueDeclaration } from './declarations.ts';
import { queueKey, queueValue } from './definitions.ts';
import { checkSameArguments, checkSameProperty } from './equivalence.ts';
import { checkOwner, locked, notFound, preconditionFailed } from './refusals.ts';
import type { Topology, TopologyHost } from './topology.ts';

/** What clients may ask for queues: checked as RabbitMQ checks it, in its order and with its texts. */
export class QueueRequests {
  readonly #host: TopologyHost;
  readonly #topology: Topology;

  constructor(host: TopologyHost, topology: Topology) {
    this.#host = host;
    this.#topology = topology;
  }

  /** @throws AmqpError 403, 404 (passive), 405, 406 */
  declare(actor: Actor, declaration: QueueDeclaration): Queue {
    const given = stripLineBreaks(declaration.name);
    this.#host.broker.churn.queueDeclared++;
    if (declaration.passive) {
      const queue = this.owned(actor, given);
      queue.touchIdle();
      return queue;
    }
    // What lives no longer than a connection survives no restart.
    const durable = declaration.durable && !declaration.exclusive;
    const all = this.#withDefaultType({ ...declaration, durable });
    if (given === '') checkServerNamed(all);
    const name = given === '' ? generatedName('amq.gen-') : given;
    const existing = this.#topology.queues.get(name);
    if (given !== '') checkNotReserved('queue', name);
    actor.require('configure', 'queue', name);
    const wanted = { ...declaration, name, durable, arguments: all };
    if (existing === undefined) return this.#create(actor, wanted);
    this.#checkSame(actor, wanted, existing);
    existing.touchIdle();
    return existing;
  }

  /** A queue that cannot be of the default type is classic. */
  #withDefaultType({ durable, exclusive, arguments: all }: QueueDeclaration): FieldTable {
    const { defaultQueueType: type } = this.#host.metadata;
    if (type === undefined || all.has('x-queue-type')) return all;
    if (type !== 'classic' && (!durable || exclusive)) return all;
    return all.with('x-queue-type', { tag: 'S', value: Buffer.from(type) });
  }

  #checkSame(actor: Actor, wanted: QueueDeclaration, existing: Queue): void {
    const isSameOwner = existing.exclusiveOwner === (wanted.exclusive ? actor.owner : undefined);
    if (!isSameOwner) throw locked(existing);
    const resource = this.#describe(wanted.name);
    checkSameProperty(resource, 'durable', wanted.durable, existing.durable);
    checkSameProperty(resource, 'auto_delete', wanted.autoDelete, existing.autoDelete);
    const compared = comparedQueueArguments(existing.type);
    checkSameArguments(resource, compared, wanted.arguments, existing.arguments);
  }

  #create(actor: Actor, wanted: QueueDeclaration): Queue {
    const { name, durable, autoDelete, arguments: all } = wanted;
    const resource = this.#describe(name);
    this.#checkLimit(name);
    const deadLetterExchange = exchangeNameArgument(resource, 'x-dead-letter-exchange', all);
    if (deadLetterExchange !== undefined) {
      actor.require('read', 'queue', name);
      actor.require('write', 'exchange', deadLetterExchange);
    }
    checkQueueArguments(resource, all);
    const type = queueTypeArgument(all);
    // What is in a stream stays: it cannot go by the messages that are there.
    if (all.has(deduplicationArgument)) checkDeduplicationArguments(all, type === 'stream');
    if (type !== 'classic') checkReplicatedProperties(resource, wanted);
    if (type === 'stream') checkSegmentBytes(all);
    const exclusiveOwner = wanted.exclusive ? actor.owner : undefined;
    const declared = { name, durable, autoDelete, exclusiveOwner, arguments: all };
    return this.#topology.createQueue(declared, actor.username);
  }

  #checkLimit(name: string): void {
    const limit = this.#host.limits['max-queues'];
    if (limit === undefined || limit < 0 || this.#topology.queues.size < limit) return;
    const reached = `queue limit in vhost '${this.#host.name}' (${limit}) is reached`;
    throw preconditionFailed(`cannot declare queue '${name}': ${reached}`);
  }

  /**
   * Gives a queue other arguments in place of all it has, as long as it need not be built anew for them. They hold
   * at once, for messages that come; those that are there keep their times to live.
   *
   * @throws AmqpError 406
   */
  change(queue: Queue, all: FieldTable): void {
    const resource = this.#describe(queue.name);
    exchangeNameArgument(resource, 'x-dead-letter-exchange', all);
    checkQueueArguments(resource, all);
    checkChangedArguments(resource, queue.arguments, all);
    queue.changeArguments(all);
    if (!queue.durable || queue.isDeleted) return;
    this.#host.broker.define(queueKey(this.#host.name, queue.name), queueValue(queue));
  }

  /**
   * The queue behind a consume, get or purge; permissions are the caller's to check.
   *
   * @throws AmqpError 404, 405 when it belongs to another connection
   */
  owned(actor: Actor, name: string): Queue {
    const queue = this.#topology.queues.get(name);
    if (queue === undefined) throw notFound('queue', name, this.#host.name);
    checkOwner(actor, queue);
    return queue;
  }

  /** Returns how many ready messages went with it; what is not there had none. @throws AmqpError 403, 405, 406 */
  delete(actor: Actor, options: { name: string; ifUnused: boolean; ifEmpty: boolean }): number {
    const name = stripLineBreaks(options.name);
    actor.require('configure', 'queue', name);
    const queue = this.#topology.queues.get(name);
    if (queue === undefined) return 0;
    checkOwner(actor, queue);
    const resource = this.#describe(name);
    if (queue.type === 'quorum') checkQuorumDelete(resource, options);
    if (options.ifEmpty && queue.readyCount > 0) throw preconditionFailed(`${resource} not empty`);
    if (options.ifUnused && queue.consumerCount > 0) throw preconditionFailed(`${resource} in use`);
    const { readyCount } = queue;
    this.#topology.removeQueue(queue, actor.username);
    return readyCount;
  }

  /** Returns how many ready messages were dropped. @throws AmqpError 403, 404, 405 */
  purge(actor: Actor, name: string): number {
    const stripped = stripLineBreaks(name);
    actor.require('read', 'queue', stripped);
    return this.owned(actor, stripped).purge();
  }

  #describe(name: string): string {
    return describe('queue', name, this.#host.name);
  }
}
