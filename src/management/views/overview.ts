import type { VirtualHost } from '../../broker/virtual-host.ts';
import { version } from '../../version.ts';
import type { Api } from '../api.ts';
import { openConnections } from '../clients.ts';
import type { Json } from '../http/columns.ts';
import type { Principal } from '../http/principal.ts';
import type { Ranges } from '../stats/ranges.ts';
import { retentionSeconds } from '../stats/sampler.ts';
import { Totals } from '../stats/totals.ts';
import { exchangeTypesView } from './exchange-types.ts';
import { channelMessageStats, lengthCounts } from './message-stats.ts';
import { churnView } from './node.ts';

/** The RabbitMQ whose API this is: clients look here before they use what only newer versions have. */
export const rabbitmqVersion = '3.10.8';

/** Everything at a glance; for who may not monitor, what is in the virtual hosts they may see. */
export function overviewView(api: Api, principal: Principal, ranges: Ranges): Json {
  const { node } = api;
  return {
    management_version: rabbitmqVersion,
    rates_mode: 'basic',
    sample_retention_policies: retentionSeconds,
    exchange_types: exchangeTypesView(),
    product_version: version,
    product_name: 'Leveret',
    rabbitmq_version: rabbitmqVersion,
    cluster_name: api.administration.clusterName,
    // Clients insist on there being one, and show it.
    erlang_version: `none, but Node.js ${process.version}`,
    erlang_full_version: `none, but Node.js ${process.version}`,
    disable_stats: false,
    enable_queue_totals: false,
    ...figures(api, principal, ranges),
    ...(principal.isMonitoring && { churn_rates: churnView(api, ranges) }),
    object_totals: objectTotals(api, principal),
    statistics_db_event_queue: 0,
    node,
    ...(principal.isMonitoring && {
      listeners: api.listeners().map(({ protocol, host, port }) => ({
        node,
        protocol,
        ip_address: host,
        port,
        socket_opts: {},
      })),
      contexts: contextsView(api).map((context) => ({ node, ...context })),
    }),
  };
}

/** Where the HTTP API itself is served. */
export function contextsView(api: Api): readonly Json[] {
  return api
    .listeners()
    .filter(({ protocol }) => protocol === 'http' || protocol === 'https')
    .map(({ host, port }) => ({ description: 'Leveret HTTP API', path: '/', ip: host, port: String(port) }));
}

function figures(api: Api, principal: Principal, ranges: Ranges): Json {
  const { broker, sampler } = api;
  const byVhost = sampler.totals();
  if (principal.isMonitoring) {
    const { stats, ready, unacknowledged } = Totals.sum(byVhost.values());
    return {
      message_stats: {},
      ...channelMessageStats(sampler.overall.changesOf(broker, ranges.msg_rates), stats),
      queue_totals: lengthCounts(sampler.overall.changesOf(broker, ranges.lengths), ready, unacknowledged),
    };
  }
  const seen = [...byVhost].filter(([{ name }]) => principal.seesVhost(name));
  const [only] = seen;
  // Changes are known for one virtual host or for all, but not for some of them.
  if (seen.length !== 1 || only === undefined) {
    const { ready, unacknowledged } = Totals.sum(seen.map(([, totals]) => totals));
    const messages = ready + unacknowledged;
    return {
      message_stats: {},
      queue_totals: { messages, messages_ready: ready, messages_unacknowledged: unacknowledged },
    };
  }
  const [vhost, { stats, ready, unacknowledged }] = only;
  return {
    message_stats: {},
    ...channelMessageStats(sampler.vhosts.changesOf(vhost, ranges.msg_rates), stats),
    queue_totals: lengthCounts(sampler.vhosts.changesOf(vhost, ranges.lengths), ready, unacknowledged),
  };
}

function objectTotals({ broker, clients }: Api, principal: Principal): Json {
  const sees = ({ name }: VirtualHost) => principal.isMonitoring || principal.seesVhost(name);
  let [channels, connections, consumers, exchanges, queues] = [0, 0, 0, 0, 0];
  for (const vhost of broker.vhosts.values()) {
    if (!sees(vhost)) continue;
    queues += vhost.queueCount;
    for (const _exchange of vhost.exchanges()) exchanges++;
  }
  for (const connection of openConnections(clients)) {
    if (!sees(connection.vhost)) continue;
    if (!principal.isMonitoring && connection.user.name !== principal.username) continue;
    connections++;
    channels += connection.channelCount;
    for (const channel of connection.channels) consumers += channel.consumerCount;
  }
  return { channels, connections, consumers, exchanges, queues };
}
