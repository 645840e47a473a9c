import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { Actor } from '../actor.ts';
import { checkDeduplicationArguments, deduplicationArgument } from '../deduplication/settings.ts';
import { exchangeTypes } from '../exchanges/registry.ts';
import { checkNotReserved, describe, isReserved, stripLineBreaks } from '../names.ts';
import { exchangeNameArgument } from '../queues/argument-rules.ts';
import type { Exchange } from '../routing/exchange.ts';
import type { ExchangeDeclaration } from './declarations.ts';
import { checkSameArguments, checkSameProperty } from './equivalence.ts';
import { checkNotDefault, notFound, preconditionFailed } from './refusals.ts';
import type { Topology } from './topology.ts';

/** What clients may ask for exchanges: checked as RabbitMQ checks it, in its order and with its texts. */
export class ExchangeRequests {
  readonly #vhost: string;
  readonly #topology: Topology;

  constructor(vhost: string, topology: Topology) {
    this.#vhost = vhost;
    this.#topology = topology;
  }

  /** @throws AmqpError 403, 404, 406 */
  declare(actor: Actor, declaration: ExchangeDeclaration): void {
    const name = stripLineBreaks(declaration.name);
    if (declaration.passive) {
      checkNotDefault(name);
      this.#expect(name);
      return;
    }
    const { durable, autoDelete, internal, arguments: all } = declaration;
    const type = exchangeTypes.get(declaration.type);
    if (type === undefined) throw preconditionFailed(`unknown exchange type '${declaration.type}'`);
    checkNotDefault(name);
    actor.require('configure', 'exchange', name);
    const resource = describe('exchange', name, this.#vhost);
    const existing = this.#topology.exchanges.get(name);
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
    this.#topology.createExchange(
      { name, type, durable, autoDelete, internal, arguments: all },
      actor.username,
    );
  }

  /** What is not there counts as deleted. @throws AmqpError 403, 406 */
  delete(actor: Actor, options: { name: string; ifUnused: boolean }): void {
    const name = stripLineBreaks(options.name);
    checkNotDefault(name);
    if (isReserved(name)) {
      const text = `deletion of system ${describe('exchange', name, this.#vhost)} not allowed`;
      throw new AmqpError(ReplyCode.AccessRefused, text);
    }
    actor.require('configure', 'exchange', name);
    const exchange = this.#topology.exchanges.get(name);
    if (exchange === undefined) return;
    if (options.ifUnused && exchange.bindingCount > 0) {
      throw preconditionFailed(`${describe('exchange', name, this.#vhost)} in use`);
    }
    this.#topology.removeExchange(exchange, actor.username);
  }

  /** The exchange to publish to. @throws AmqpError 403 no permission or internal, 404 */
  forPublish(actor: Actor, name: string): Exchange {
    actor.require('write', 'exchange', name);
    const exchange = this.#expect(name);
    if (exchange.internal) {
      const text = `cannot publish to internal ${describe('exchange', name, this.#vhost)}`;
      throw new AmqpError(ReplyCode.AccessRefused, text);
    }
    return exchange;
  }

  #expect(name: string): Exchange {
    const exchange = this.#topology.exchanges.get(name);
    if (exchange === undefined) throw notFound('exchange', name, this.#vhost);
    return exchange;
  }
}
