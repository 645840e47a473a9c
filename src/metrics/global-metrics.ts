import type { DeathReason } from '../broker/dead-letters/dead-letter.ts';
import type { DeadLetterCounts } from '../broker/dead-letters/dead-letter-counts.ts';
import { type MessageSizes, sizeBounds } from '../broker/message-sizes.ts';
import type { QueueStats } from '../broker/message-stats.ts';
import { queueTypeLabel } from '../broker/queue-type.ts';
import { header, labelled, labelText, type MetricType, sample } from './exposition.ts';
import type { MetricsSource } from './source.ts';
import type { Tally } from './tally.ts';

const protocol = { protocol: 'amqp091' };
/** Over RabbitMQ's stream protocol, which is not spoken, nothing has ever come; its dashboard shows that. */
const streamProtocol = { protocol: 'stream' };
const streamQueue = { ...streamProtocol, queue_type: queueTypeLabel('stream') };

const streamErrors: Readonly<Record<string, string>> = {
  stream_does_not_exist: 'Total number of commands rejected with stream does not exist error',
  subscription_id_already_exists: 'Total number of commands failed with subscription id already exists',
  subscription_id_does_not_exist: 'Total number of commands failed with subscription id does not exist',
  stream_already_exists: 'Total number of commands failed with stream already exists',
  stream_not_available: 'Total number of commands failed with stream not available',
  sasl_mechanism_not_supported: 'Total number of commands failed with sasl mechanism not supported',
  authentication_failure: 'Total number of commands failed with authentication failure',
  sasl_error: 'Total number of commands failed with sasl error',
  sasl_challenge: 'Total number of commands failed with sasl challenge',
  sasl_authentication_failure_loopback:
    'Total number of commands failed with sasl authentication failure loopback',
  vhost_access_failure: 'Total number of commands failed with vhost access failure',
  unknown_frame: 'Total number of commands failed with unknown frame',
  frame_too_large: 'Total number of commands failed with frame too large',
  internal_error: 'Total number of commands failed with internal error',
  access_refused: 'Total number of commands failed with access refused',
  precondition_failed: 'Total number of commands failed with precondition failed',
  publisher_does_not_exist: 'Total number of commands failed with publisher does not exist',
};

const deathTexts: Readonly<Record<DeathReason, string>> = {
  expired: 'Total number of messages dead-lettered due to message TTL exceeded',
  maxlen: 'Total number of messages dead-lettered due to overflow drop-head or reject-publish-dlx',
  rejected: 'Total number of messages dead-lettered due to basic.reject or basic.nack',
  delivery_limit: 'Total number of messages dead-lettered due to delivery-limit exceeded',
};

/** `rabbitmq_global_*`: since the broker started, whatever has been closed or deleted since. */
export function globalMetrics(
  { broker }: MetricsSource,
  { channels, byType, publishers, consumers }: Tally,
): string {
  let routed = 0;
  for (const stats of byType.values()) routed += stats.publish;
  const total = (name: string, help: string, value: number) =>
    perProtocol('counter', `rabbitmq_global_messages_${name}_total`, help, value);
  const perType = (name: string, help: string, value: (stats: QueueStats) => number) => {
    const metric = { name: `rabbitmq_global_messages_${name}_total`, type: 'counter' as const, help };
    const samples = [...byType].map(([type, stats]) =>
      sample(metric.name, labelText({ ...protocol, queue_type: queueTypeLabel(type) }), value(stats)),
    );
    return header(metric) + samples.join('') + sample(metric.name, labelText(streamQueue), 0);
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
    perProtocol('gauge', 'rabbitmq_global_publishers', 'Publishers currently connected', publishers),
    perProtocol('gauge', 'rabbitmq_global_consumers', 'Consumers currently connected', consumers),
    ...Object.entries(streamErrors).map(([name, help]) =>
      labelled('counter', `rabbitmq_global_stream_error_${name}_total`, help, streamProtocol, 0),
    ),
    deadLetterMetrics(broker.deadLetterCounts),
    sizeMetrics(broker.messageSizes),
  ].join('');
}

function perProtocol(type: MetricType, name: string, help: string, value: number): string {
  return labelled(type, name, help, protocol, value) + sample(name, labelText(streamProtocol), 0);
}

function deadLetterMetrics({ all, confirmed }: DeadLetterCounts): string {
  const name = (what: string) => `rabbitmq_global_messages_dead_lettered_${what}_total`;
  const parts: string[] = [];
  for (const reason of ['expired', 'maxlen', 'rejected', 'delivery_limit'] as const) {
    parts.push(header({ name: name(reason), type: 'counter', help: deathTexts[reason] }));
    for (const { queueType, strategy, byReason } of all) {
      const count = byReason.get(reason);
      if (count === undefined) continue;
      const labels = { queue_type: queueTypeLabel(queueType), dead_letter_strategy: strategy };
      parts.push(sample(name(reason), labelText(labels), count));
    }
  }
  parts.push(
    labelled(
      'counter',
      name('confirmed'),
      'Total number of messages dead-lettered and confirmed by target queues',
      { queue_type: queueTypeLabel('quorum'), dead_letter_strategy: 'at_least_once' },
      confirmed,
    ),
  );
  return parts.join('');
}

/** As RabbitMQ has it since 4.1. */
function sizeMetrics({ counts, sum }: MessageSizes): string {
  const name = 'rabbitmq_message_size_bytes';
  let below = 0;
  const buckets = counts.map((count, i) => {
    below += count;
    const bound = sizeBounds[i];
    return sample(`${name}_bucket`, labelText({ ...protocol, le: bound?.toString() ?? '+Inf' }), below);
  });
  return [
    header({ name, type: 'histogram', help: 'Size of messages received from publishers' }),
    ...buckets,
    sample(`${name}_count`, labelText(protocol), below),
    sample(`${name}_sum`, labelText(protocol), sum),
  ].join('');
}
