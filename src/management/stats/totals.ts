import type { Broker } from '../../broker/broker.ts';
import { ChannelStats, TrafficStats } from '../../broker/message-stats.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import { type Clients, openConnections } from '../clients.ts';

/** Figures of one virtual host, or of all of them together. */
export class Totals {
  /** Messages in queues. */
  ready = 0;
  unacknowledged = 0;
  readonly stats = new ChannelStats();
  readonly traffic = new TrafficStats();

  add(other: Totals): void {
    this.ready += other.ready;
    this.unacknowledged += other.unacknowledged;
    this.stats.add(other.stats);
    this.traffic.add(other.traffic.received, other.traffic.sent);
  }

  static sum(all: Iterable<Totals>): Totals {
    const sum = new Totals();
    for (const each of all) sum.add(each);
    return sum;
  }
}

/** The sums of each virtual host. */
export type TotalsByVhost = ReadonlyMap<VirtualHost, Totals>;

/** What connections and channels have to say; the messages in queues are left at 0. */
export function clientTotals(broker: Broker, clients: Clients): TotalsByVhost {
  const totals = new Map<VirtualHost, Totals>();
  for (const vhost of broker.vhosts.values()) {
    const ofVhost = new Totals();
    ofVhost.stats.add(vhost.closedChannels);
    ofVhost.traffic.add(vhost.closedConnections.received, vhost.closedConnections.sent);
    totals.set(vhost, ofVhost);
  }
  for (const connection of openConnections(clients)) {
    const ofVhost = totals.get(connection.vhost);
    if (ofVhost === undefined) continue;
    ofVhost.traffic.add(connection.traffic.bytesReceived, connection.traffic.bytesSent);
    for (const channel of connection.channels) ofVhost.stats.add(channel.currentStats());
  }
  return totals;
}

/** The broker itself, connections, channels and queues: what RabbitMQ has an Erlang process for. */
export function processCount(broker: Broker, clients: Clients): number {
  let count = 1;
  for (const vhost of broker.vhosts.values()) count += vhost.queueCount;
  for (const { channelCount } of openConnections(clients)) count += 1 + channelCount;
  return count;
}
