import { ChannelStats, QueueStats } from '../broker/message-stats.ts';
import { queueTypeLabel, queueTypes } from '../broker/queues/queue-type.ts';
import { header, labelled, labelText, sample } from './exposition.ts';
import type { MetricsSource } from './source.ts';

const protocol = { protocol: 'amqp091' };

/** `rabbitmq_global_*`: since the broker started, whatever has been closed or deleted since. */
export function globalMetrics({ broker, listener }: MetricsSource): string {
  const channels = new ChannelStats();
  const byType = new Map(queueTypes.map((type) => [type, new QueueStats()]));
  let publishers = 0;
  for (const vhost of broker.vhosts.values()) {
    channels.add(vhost.closedChannels);
    for (const [type, stats] of vhost.deletedQueues) byType.get(type)?.add(stats);
    for (const queue of vhost.queues()) byType.get(queue.type)?.add(queue.stats);
  }
  for (const connection of listener.connections) {
    for (const channel of connection.channels) {
      const stats = channel.currentStats();
      channels.add(stats);
      if (stats.publish > 0) publishers++;
    }
  }
  let routed = 0;
  let consumers = 0;
  for (const stats of byType.values()) routed += stats.publish;
  for (const vhost of broker.vhosts.values())
    for (const queue of vhost.queues()) consumers += queue.consumerCount;

  const total = (name: string, help: string, value: number) =>
    labelled('counter', `rabbitmq_global_messages_${name}_total`, help, protocol, value);
  const perType = (name: string, help: string, value: (stats: QueueStats) => number) => {
    const metric = { name: `rabbitmq_global_messages_${name}_total`, type: 'counter' as const, help };
    const samples = [...byType].map(([type, stats]) =>
      sample(metric.name, labelText({ ...protocol, queue_type: queueTypeLabel(type) }), value(stats)),
    );
    return header(metric) + samples.join('');
  };
  return [
    total('received', 'Total number of messages received from publishers', channels.publish),
    total(
      'received_confirm',
      'Total number of messages received from publishers using publisher confirms',
      channels.publishConfirm,
    ),
    total('routed', 'Total number of messages routed to queues or streams', routed),
    total('confirmed', 'Total number of messages confirmed to publishers', channels.confirm),
    total(
      'unroutable_dropped',
      'Total number of messages published as non-mandatory into an exchange and dropped as unroutable',
      channels.dropUnroutable,
    ),
    total(
      'unroutable_returned',
      'Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable',
      channels.returnUnroutable,
    ),
    perType(
      'delivered',
      'Total number of messages delivered to consumers',
      (s) => s.deliver + s.deliverNoAck + s.get + s.getNoAck,
    ),
    perType(
      'delivered_consume_manual_ack',
      'Total number of messages delivered to consumers using basic.consume with manual acknowledgment',
      (s) => s.deliver,
    ),
    perType(
      'delivered_consume_auto_ack',
      'Total number of messages delivered to consumers using basic.consume with automatic acknowledgment',
      (s) => s.deliverNoAck,
    ),
    perType(
      'delivered_get_manual_ack',
      'Total number of messages delivered to consumers using basic.get with manual acknowledgment',
      (s) => s.get,
    ),
    perType(
      'delivered_get_auto_ack',
      'Total number of messages delivered to consumers using basic.get with automatic acknowledgment',
      (s) => s.getNoAck,
    ),
    perType('get_empty', 'Total number of times basic.get operations fetched no message', (s) => s.getEmpty),
    perType('redelivered', 'Total number of messages redelivered to consumers', (s) => s.redeliver),
    perType('acknowledged', 'Total number of messages acknowledged by consumers', (s) => s.ack),
    labelled('gauge', 'rabbitmq_global_publishers', 'Publishers currently connected', protocol, publishers),
    labelled('gauge', 'rabbitmq_global_consumers', 'Consumers currently connected', protocol, consumers),
  ].join('');
}
