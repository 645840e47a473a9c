import { consumerTimeoutArgument } from '../../broker/arguments.ts';
import type { Consumer } from '../../broker/queues/consumer.ts';
import type { Queue } from '../../broker/queues/queue.ts';
import { Stream, type StreamPlace } from '../../broker/streams/stream.ts';
import type { Api } from '../api.ts';
import type { Json } from '../http/columns.ts';

/** A subscription, as in `GET /api/consumers`. */
export function consumerView({ node, consumerTimeoutMs }: Api, queue: Queue, consumer: Consumer): Json {
  const { channel } = consumer;
  const timeoutMs =
    consumerTimeoutArgument(consumer.arguments) ?? queue.settings.consumerTimeoutMs ?? consumerTimeoutMs;
  const isActive = !queue.singleActiveConsumer || queue.activeConsumer === consumer;
  return {
    arguments: consumer.arguments.toJSON(),
    ack_required: !consumer.noAck,
    active: isActive,
    activity_status: activityStatus(queue, isActive),
    channel_details: {
      connection_name: channel.connectionName,
      name: channel.name,
      node,
      number: channel.number,
      peer_host: channel.peerHost,
      peer_port: channel.peerPort,
      user: channel.username,
    },
    consumer_tag: consumer.tag,
    ...(Number.isFinite(timeoutMs) && { consumer_timeout: timeoutMs }),
    ...(queue instanceof Stream && placeView(queue.placeOf(consumer))),
    exclusive: consumer.exclusive,
    prefetch_count: consumer.prefetch,
    queue: { name: queue.name, vhost: queue.vhost.name },
  };
}

/** By the names that RabbitMQ has for consumers of its stream protocol. */
function placeView(place: StreamPlace | undefined): Json {
  return { offset: place?.offset ?? null, offset_lag: place?.lag ?? null };
}

function activityStatus(queue: Queue, isActive: boolean): string {
  if (!queue.singleActiveConsumer) return 'up';
  return isActive ? 'single_active' : 'waiting';
}
