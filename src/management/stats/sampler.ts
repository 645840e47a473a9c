import type { Broker } from '../../broker/broker.ts';
import type { Timer } from '../../broker/clock.ts';
import type { Queue } from '../../broker/queues/queue.ts';
import type { Exchange } from '../../broker/routing/exchange.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import { Slices } from '../../slices.ts';
import { type ClientChannel, type ClientConnection, type Clients, openConnections } from '../clients.ts';
import type { NodeFigures } from '../node-figures.ts';
import {
  type ChannelColumn,
  channelColumns,
  channelValues,
  churnValues,
  type ExchangeColumn,
  exchangeColumns,
  type NodeColumn,
  nodeColumns,
  type QueueColumn,
  queueColumns,
  queueValues,
  type TotalColumn,
  type TrafficColumn,
  totalColumns,
  totalValues,
  trafficColumns,
} from './columns.ts';
import type { Resolution } from './history.ts';
import { SampleTable, type Ticks } from './sample-table.ts';
import { clientTotals, processCount, Totals, type TotalsByVhost } from './totals.ts';

/** As RabbitMQ's sample_retention_policies: of everything, 10 minutes closely and an hour by the minute. */
const basic = [
  { reachSeconds: 600, everySeconds: 5 },
  { reachSeconds: 3600, everySeconds: 60 },
];
/** Of virtual hosts, the node and the whole also 8 hours and a day. */
const global = [
  ...basic,
  { reachSeconds: 28_800, everySeconds: 600 },
  { reachSeconds: 86_400, everySeconds: 1800 },
];

/** As `overview` tells it: `global` and `basic`. */
export const retentionSeconds = {
  global: global.map(({ reachSeconds }) => reachSeconds),
  basic: basic.map(({ reachSeconds }) => reachSeconds),
  /** Of what rates_mode = detailed would count: nothing is. */
  detailed: [],
};

/** Objects of one kind with a history, 20 KB each at most; of others only the rate is known. */
const historiesMax = 1000;

/** With more queues than this, totals are those of the last tick. */
const freshQueuesMax = 10_000;

/** What is sampled and how often. */
export interface SamplerOptions {
  readonly broker: Broker;
  readonly clients: Clients;
  readonly figures: NodeFigures;
  /** RabbitMQ's collect_statistics_interval. */
  readonly intervalMs: number;
  readonly onError: (error: unknown) => void;
}

/**
 * Looks at everything every few seconds, so that the HTTP API can tell rates and draw charts; with very many
 * objects, in slices.
 */
export class Sampler implements Ticks {
  readonly intervalMs: number;
  readonly queues: SampleTable<Queue, QueueColumn>;
  readonly exchanges: SampleTable<Exchange, ExchangeColumn>;
  readonly connections: SampleTable<ClientConnection, TrafficColumn>;
  readonly channels: SampleTable<ClientChannel, ChannelColumn>;
  readonly vhosts: SampleTable<VirtualHost, TotalColumn>;
  /** All virtual hosts together. */
  readonly overall: SampleTable<Broker, TotalColumn>;
  readonly node: SampleTable<Broker, NodeColumn>;

  readonly #options: SamplerOptions;
  #tick: number;
  #totals: TotalsByVhost = new Map();
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: SamplerOptions) {
    const { figures, intervalMs } = options;
    this.#options = options;
    this.intervalMs = intervalMs;
    this.#tick = this.#now();
    const table = <Item extends object, Column extends string>(
      columns: readonly Column[],
      policy: typeof basic,
      values: (item: Item) => readonly number[],
    ) => {
      const resolutions = policy.map((each) => resolution(each, intervalMs));
      return new SampleTable<Item, Column>(this, { columns, values, resolutions, historiesMax });
    };
    this.queues = table(queueColumns, basic, queueValues);
    this.exchanges = table(exchangeColumns, basic, ({ stats }) => [stats.publishIn, stats.publishOut]);
    this.connections = table(trafficColumns, basic, ({ traffic }) => [
      traffic.bytesReceived,
      traffic.bytesSent,
    ]);
    this.channels = table(channelColumns, basic, (channel) => channelValues(channel.currentStats()));
    this.vhosts = table(totalColumns, global, (vhost) =>
      totalValues(this.#totals.get(vhost) ?? new Totals()),
    );
    this.overall = table(totalColumns, global, () => totalValues(Totals.sum(this.#totals.values())));
    this.node = table(nodeColumns, global, ({ churn }) => [
      figures.memoryUsed,
      figures.filesUsed,
      options.clients.connections.size,
      processCount(options.broker, options.clients),
      figures.disk.freeBytes,
      ...churnValues(churn),
    ]);
  }

  get tick(): number {
    return this.#tick;
  }

  start(): void {
    this.#wait();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** By virtual host, as of now, unless there are very many queues. */
  totals(): TotalsByVhost {
    const { broker, clients } = this.#options;
    let queueCount = 0;
    for (const vhost of broker.vhosts.values()) queueCount += vhost.queueCount;
    if (queueCount > freshQueuesMax && this.#totals.size > 0) return this.#totals;
    const totals = clientTotals(broker, clients);
    for (const [vhost, ofVhost] of totals) {
      for (const queue of vhost.queues()) addLengths(ofVhost, queue);
    }
    return totals;
  }

  /** Takes one sample of everything. */
  async sample(): Promise<void> {
    const { broker, clients, figures } = this.#options;
    const slices = new Slices();
    await figures.refresh();
    const tick = this.#now();
    if (tick <= this.#tick) return;
    this.#tick = tick;
    const totals = clientTotals(broker, clients);
    for (const connection of openConnections(clients)) {
      this.connections.sample(connection);
      for (const channel of connection.channels) this.channels.sample(channel);
      await slices.next();
    }
    for (const [vhost, ofVhost] of totals) {
      for (const queue of vhost.queues()) {
        this.queues.sample(queue);
        addLengths(ofVhost, queue);
        const pause = slices.next();
        if (pause !== undefined) await pause;
      }
      for (const exchange of vhost.exchanges()) {
        this.exchanges.sample(exchange);
        const pause = slices.next();
        if (pause !== undefined) await pause;
      }
    }
    this.#totals = totals;
    for (const vhost of totals.keys()) this.vhosts.sample(vhost);
    this.overall.sample(broker);
    this.node.sample(broker);
    for (const each of [this.queues, this.exchanges, this.connections, this.channels, this.vhosts])
      each.sweep();
  }

  #now(): number {
    return Math.floor(this.#options.broker.clock.now() / this.intervalMs);
  }

  #wait(): void {
    const { broker, onError } = this.#options;
    if (this.#isStopped) return;
    const delayMs = this.intervalMs - (broker.clock.now() % this.intervalMs);
    this.#timer = broker.clock.setTimer(delayMs, () => {
      void this.sample()
        .catch(onError)
        .then(() => this.#wait());
    });
  }
}

function addLengths(to: Totals, { readyCount, unackedCount }: Queue): void {
  to.ready += readyCount;
  to.unacknowledged += unackedCount;
}

function resolution({ reachSeconds, everySeconds }: (typeof basic)[number], intervalMs: number): Resolution {
  const every = Math.max(1, Math.round((everySeconds * 1000) / intervalMs));
  return { every, count: Math.ceil((reachSeconds * 1000) / intervalMs / every) + 1 };
}
