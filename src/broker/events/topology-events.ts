import type { Consumer } from '../queues/consumer.ts';
import type { Queue } from '../queues/queue.ts';
import type { Binding } from '../routing/binding.ts';
import type { Exchange } from '../routing/exchange.ts';
import { flag, number, performedBy, terms, text } from './entries.ts';
import type { EventHub } from './event-hub.ts';

interface Named {
  readonly name: string;
}

/** Tells of exchanges, queues, bindings and consumers of one virtual host, with RabbitMQ's details in its order. */
export class TopologyEvents {
  readonly #hub: EventHub;
  readonly #vhost: string;

  constructor(hub: EventHub, vhost: string) {
    this.#hub = hub;
    this.#vhost = vhost;
  }

  exchangeCreated(exchange: Exchange, user: string): void {
    this.#hub.tell('exchange.created', this.#vhost, () => [
      performedBy(user),
      text('policy', exchange.policies.policy?.name),
      terms('arguments', exchange.arguments),
      flag('internal', exchange.internal),
      flag('auto_delete', exchange.autoDelete),
      flag('durable', exchange.durable),
      text('type', exchange.type.name),
      ...this.#named(exchange.name),
    ]);
  }

  exchangeDeleted({ name }: Exchange, user: string): void {
    this.#hub.tell('exchange.deleted', this.#vhost, () => [performedBy(user), ...this.#named(name)]);
  }

  queueCreated(queue: Queue, user: string): void {
    const { exclusiveOwner: owner } = queue;
    this.#hub.tell('queue.created', this.#vhost, () => [
      performedBy(user),
      flag('exclusive', owner !== undefined),
      text('owner_pid', owner === undefined ? '' : this.#hub.pidOf(owner)),
      terms('arguments', queue.arguments),
      flag('auto_delete', queue.autoDelete),
      flag('durable', queue.durable),
      ...this.#named(queue.name),
    ]);
  }

  queueDeleted({ name }: Queue, user: string): void {
    this.#hub.tell('queue.deleted', this.#vhost, () => [performedBy(user), ...this.#named(name)]);
  }

  bindingCreated(binding: Binding, user: string): void {
    this.#binding('binding.created', binding, user);
  }

  bindingDeleted(binding: Binding, user: string): void {
    this.#binding('binding.deleted', binding, user);
  }

  #binding(type: string, { source, destination, routingKey, arguments: all }: Binding, user: string): void {
    this.#hub.tell(type, this.#vhost, () => [
      performedBy(user),
      text('vhost', this.#vhost),
      terms('arguments', all),
      text('routing_key', routingKey),
      text('destination_kind', destination.kind),
      text('destination_name', destination.name),
      text('source_kind', 'exchange'),
      text('source_name', source.name),
    ]);
  }

  consumerCreated(queue: Named, consumer: Consumer): void {
    this.#hub.tell('consumer.created', this.#vhost, () => [
      performedBy(consumer.channel.username),
      terms('arguments', consumer.arguments),
      number('prefetch_count', consumer.prefetch),
      ...this.#consumes(queue, consumer),
      flag('ack_required', !consumer.noAck),
      flag('exclusive', consumer.exclusive),
      text('consumer_tag', consumer.tag),
    ]);
  }

  consumerDeleted(queue: Named, consumer: Consumer): void {
    this.#hub.tell('consumer.deleted', this.#vhost, () => [
      performedBy(consumer.channel.username),
      ...this.#consumes(queue, consumer),
      text('consumer_tag', consumer.tag),
    ]);
  }

  #consumes(queue: Named, { channel }: Consumer) {
    return [text('queue', queue.name), text('vhost', this.#vhost), text('channel', this.#hub.pidOf(channel))];
  }

  #named(name: string) {
    return [text('name', name), text('vhost', this.#vhost)];
  }
}
