import type { Broker } from '../broker/broker.ts';
import type { Queue } from '../broker/queue.ts';
import type { BrokerTotals, BrokerView, HealthView, ListenerView, QueueView } from './view.ts';

/** What the HTTP API shows of the sockets. */
export interface ConnectionCounts {
  readonly connectionCount: number;
  readonly channelCount: number;
  readonly addresses: readonly { readonly protocol: string; readonly host: string; readonly port: number }[];
}

/** A running broker as the HTTP API sees it. */
export class LiveBrokerView implements BrokerView {
  readonly nodeName: string;
  readonly #broker: Broker;
  readonly #connections: ConnectionCounts;

  constructor(nodeName: string, broker: Broker, connections: ConnectionCounts) {
    this.nodeName = nodeName;
    this.#broker = broker;
    this.#connections = connections;
  }

  totals(): BrokerTotals {
    const { connectionCount: connections, channelCount: channels } = this.#connections;
    let [exchanges, queues, consumers, messagesReady, messagesUnacknowledged] = [0, 0, 0, 0, 0];
    for (const vhost of this.#broker.vhosts.values()) {
      for (const _exchange of vhost.exchanges()) exchanges++;
      for (const queue of vhost.queues()) {
        queues++;
        consumers += queue.consumerCount;
        messagesReady += queue.readyCount;
        messagesUnacknowledged += queue.unackedCount;
      }
    }
    return { connections, channels, exchanges, queues, consumers, messagesReady, messagesUnacknowledged };
  }

  listeners(): readonly ListenerView[] {
    return this.#connections.addresses.map(({ protocol, host, port }) => ({ protocol, address: host, port }));
  }

  virtualHosts(): readonly string[] {
    return [...this.#broker.vhosts.keys()];
  }

  *queues(): Iterable<QueueView> {
    for (const vhost of this.#broker.vhosts.values()) {
      for (const queue of vhost.queues()) yield queueView(queue);
    }
  }

  health(): HealthView {
    return {
      ready: this.#connections.addresses.length > 0,
      alarms: this.#broker.alarms.resources,
      virtualHostsDown: [],
      damagedMessages: this.#broker.store.damagedCount,
    };
  }
}

function queueView(queue: Queue): QueueView {
  return {
    name: queue.name,
    vhost: queue.vhost.name,
    durable: queue.durable,
    autoDelete: queue.autoDelete,
    exclusive: queue.exclusiveOwner !== undefined,
    type: queue.type,
    arguments: queue.arguments.toJSON(),
    policy: queue.policies.policy?.name,
    operatorPolicy: queue.policies.operatorPolicy?.name,
    effectivePolicyDefinition: queue.policies.definition,
    messagesReady: queue.readyCount,
    messagesUnacknowledged: queue.unackedCount,
    consumers: queue.consumerCount,
    state: 'running',
  };
}
