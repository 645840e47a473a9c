import type { Api } from '../api.ts';
import type { ClientConnection, OpenChannel } from '../clients.ts';
import type { Json } from '../http/columns.ts';
import { trafficColumns } from '../stats/columns.ts';
import type { Ranges } from '../stats/ranges.ts';
import { merged } from './merged.ts';
import { channelMessageStats, counts } from './message-stats.ts';
import { tlsView } from './tls.ts';

/** A connection that is open. */
export function connectionView({ node, sampler }: Api, connection: ClientConnection, ranges: Ranges): Json {
  const { client, tuning, user, vhost, traffic } = connection;
  const { bytesReceived, bytesSent } = traffic;
  const { ends, tls } = connection.transport;
  const properties = client.table.toJSON();
  const givenName = properties['connection_name'];
  return merged(
    {
      name: connection.name,
      node,
      type: 'network',
      protocol: 'AMQP 0-9-1',
      state: connection.state,
      user: user.name,
      user_who_performed_action: user.name,
      vhost: vhost.name,
    },
    typeof givenName === 'string' && { user_provided_name: givenName },
    {
      auth_mechanism: connection.mechanism,
      host: ends.host,
      port: ends.port,
      peer_host: ends.peerHost,
      peer_port: ends.peerPort,
    },
    tlsView(tls),
    {
      channels: connection.channelCount,
      channel_max: tuning.channelMax,
      frame_max: tuning.frameMax,
      timeout: tuning.heartbeat,
      client_properties: properties,
      connected_at: connection.connectedAt,
      recv_cnt: traffic.reads,
      send_cnt: traffic.writes,
      send_pend: traffic.unsentBytes,
    },
    counts(sampler.connections.changesOf(connection, ranges.data_rates), trafficColumns, [
      bytesReceived,
      bytesSent,
    ]),
  );
}

/** A channel as lists show it. */
export function channelView(
  { node, sampler }: Api,
  { connection, channel }: OpenChannel,
  ranges: Ranges,
): Json {
  const { ends } = connection.transport;
  return {
    name: channel.name,
    number: channel.number,
    node,
    user: connection.user.name,
    user_who_performed_action: connection.user.name,
    vhost: connection.vhost.name,
    state: 'running',
    connection_details: {
      name: connection.name,
      peer_host: ends.peerHost,
      peer_port: ends.peerPort,
    },
    confirm: channel.isConfirming,
    transactional: channel.isTransactional,
    consumer_count: channel.consumerCount,
    prefetch_count: channel.prefetch,
    global_prefetch_count: channel.globalPrefetch,
    messages_unacknowledged: channel.unackedCount,
    messages_unconfirmed: channel.unconfirmedCount,
    messages_uncommitted: channel.uncommittedCount,
    acks_uncommitted: channel.uncommittedAckCount,
    ...channelMessageStats(sampler.channels.changesOf(channel, ranges.msg_rates), channel.currentStats()),
  };
}
