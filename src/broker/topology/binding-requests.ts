import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { Actor } from '../actor.ts';
import type { Message } from '../message.ts';
import { describe, stripLineBreaks } from '../names.ts';
import { Binding, type Destination } from '../routing/binding.ts';
import type { Exchange } from '../routing/exchange.ts';
import { StoreUnreadableError } from '../store.ts';
import type { BindingDeclaration } from './declarations.ts';
import { checkNotDefault, checkOwner, notFound } from './refusals.ts';
import type { Topology, TopologyHost } from './topology.ts';

/** The ends of a binding, if they are there. */
interface BindingEnds {
  readonly source: Exchange | undefined;
  readonly destination: Destination | undefined;
}

/** What clients may ask for bindings: checked as RabbitMQ checks it, in its order and with its texts. */
export class BindingRequests {
  readonly #host: TopologyHost;
  readonly #topology: Topology;

  constructor(host: TopologyHost, topology: Topology) {
    this.#host = host;
    this.#topology = topology;
  }

  /** The same binding twice is one binding. @throws AmqpError 403, 404, 405, 406 */
  bind(actor: Actor, declaration: BindingDeclaration): void {
    const { routingKey, arguments: all } = declaration;
    const { source, destination } = this.#bindingEnds(actor, declaration);
    if (source === undefined)
      throw notFound('exchange', stripLineBreaks(declaration.source), this.#host.name);
    if (destination === undefined) {
      throw notFound(declaration.destinationKind, stripLineBreaks(declaration.destination), this.#host.name);
    }
    if (destination.kind === 'queue') checkOwner(actor, destination);
    source.type.checkBinding?.(routingKey, all, source.arguments, destination);
    if (source.findBinding(destination, routingKey, all) !== undefined) return;
    const remembered = this.#remembered(source);
    this.#topology.createBinding(new Binding(source, destination, routingKey, all), actor.username);
    this.#replay(remembered, destination);
  }

  /** What a new binding gets of its exchange. @throws AmqpError 541 */
  #remembered({ name, history }: Exchange): readonly Message[] {
    try {
      return history?.messages() ?? [];
    } catch (error) {
      if (!(error instanceof StoreUnreadableError)) throw error;
      const what = `the history of ${describe('exchange', name, this.#host.name)} cannot be read now`;
      throw new AmqpError(ReplyCode.InternalError, `${what}: see the log`);
    }
  }

  #replay(messages: readonly Message[], destination: Destination): void {
    const now = this.#host.broker.clock.now();
    for (const message of messages) {
      if (destination.kind === 'queue') {
        destination.publish(message, now);
        continue;
      }
      const exchange = this.#topology.exchanges.get(destination.name);
      if (exchange !== undefined) this.#host.route(exchange, message).publish(message, now);
    }
  }

  /** What is not there counts as unbound. @throws AmqpError 403, 405 */
  unbind(actor: Actor, declaration: BindingDeclaration): void {
    const { source, destination } = this.#bindingEnds(actor, declaration);
    if (source === undefined || destination === undefined) return;
    const binding = source.findBinding(destination, declaration.routingKey, declaration.arguments);
    if (binding === undefined) return;
    if (destination.kind === 'queue') checkOwner(actor, destination);
    this.#topology.removeBinding(binding, actor.username);
  }

  #bindingEnds(actor: Actor, declaration: BindingDeclaration): BindingEnds {
    const { destinationKind: kind } = declaration;
    const source = stripLineBreaks(declaration.source);
    const destination = stripLineBreaks(declaration.destination);
    actor.require('write', kind, destination);
    if (kind === 'exchange') checkNotDefault(destination);
    checkNotDefault(source);
    actor.require('read', 'exchange', source);
    const exchange = this.#topology.exchanges.get(source);
    if (exchange !== undefined) actor.requireTopic('read', exchange, declaration.routingKey);
    return { source: exchange, destination: this.#topology.destination(kind, destination) };
  }
}
