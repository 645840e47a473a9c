import type { QueueStats } from '../../broker/message-stats.ts';
import type { Queue } from '../../broker/queues/queue.ts';
import { Stream } from '../../broker/streams/stream.ts';
import type { Api } from '../api.ts';
import type { ClientConnection } from '../clients.ts';
import type { Json } from '../http/columns.ts';
import { deliveryColumns, deliveryValues } from '../stats/columns.ts';
import type { Ranges } from '../stats/ranges.ts';
import { consumerView } from './consumer.ts';
import { deduplicationView } from './deduplication.ts';
import { merged } from './merged.ts';
import { deliverGet, lengthCounts, queueMessageStats } from './message-stats.ts';
import { queueFigures } from './queue-figures.ts';

/** A queue as lists show it. */
export function queueView({ node, sampler, clients }: Api, queue: Queue, ranges: Ranges): Json {
  const { policies, exclusiveOwner, readyCount, unackedCount } = queue;
  const owner = exclusiveOwner === undefined ? undefined : clients.connectionOf(exclusiveOwner);
  return merged(
    definitionView(node, queue),
    {
      policy: policies.policy?.name ?? null,
      operator_policy: policies.operatorPolicy?.name ?? null,
      effective_policy_definition: policies.definition,
      consumers: queue.consumerCount,
    },
    queue.type !== 'classic' && membersView(node),
    queue.type === 'quorum'
      ? { single_active_consumer_ctag: queue.activeConsumer?.tag ?? null }
      : {
          exclusive_consumer_tag: exclusiveTag(queue),
          single_active_consumer_tag: queue.activeConsumer?.tag ?? null,
        },
    owner !== undefined && { owner_pid_details: ownerView(owner) },
    queue.delayed !== undefined && { messages_delayed: queue.delayed.count },
    queue.deduplicator !== undefined && {
      message_deduplication_cache_info: deduplicationView(queue.deduplicator),
    },
    queueFigures(node, queue),
    lengthCounts(sampler.queues.changesOf(queue, ranges.lengths), readyCount, unackedCount),
    queueMessageStats(sampler.queues.changesOf(queue, ranges.msg_rates), queue.stats),
  );
}

/** A queue that is asked for by name: with its consumers. */
export function queueDetailsView(api: Api, queue: Queue, ranges: Ranges): Json {
  return merged(
    { consumer_details: [...queue.consumers].map((consumer) => consumerView(api, queue, consumer)) },
    queueView(api, queue, ranges),
    queue instanceof Stream && { tracked_offsets: trackedOffsetsView(queue) },
    // RabbitMQ fills these with rates_mode = detailed only.
    { deliveries: [], incoming: [] },
  );
}

/** What `disable_stats=true&enable_queue_totals=true` leaves of a queue. */
export function queueTotalsView(node: string, queue: Queue): Json {
  const { readyCount, unackedCount } = queue;
  return merged(definitionView(node, queue), queue.type !== 'classic' && membersView(node), {
    messages: readyCount + unackedCount,
    messages_ready: readyCount,
    messages_unacknowledged: unackedCount,
  });
}

/** Values to sort 100,000 queues by without making their views. */
export function queueKey(api: Api, queue: Queue, path: string): string | number | undefined {
  switch (path) {
    case 'state':
      return 'running';
    case 'name':
      return queue.name;
    case 'vhost':
      return queue.vhost.name;
    case 'type':
      return queue.type;
    case 'messages':
      return queue.readyCount + queue.unackedCount;
    case 'messages_ready':
      return queue.readyCount;
    case 'messages_unacknowledged':
      return queue.unackedCount;
    case 'consumers':
      return queue.consumerCount;
    case 'message_bytes_ready':
      return queue.readyBytes;
    default:
      return path.startsWith('message_stats.') ? statsKey(api, queue, path) : figureKey(api, queue, path);
  }
}

function figureKey({ node }: Api, queue: Queue, path: string): number | undefined {
  const figure = queueFigures(node, queue)[path];
  return typeof figure === 'number' ? figure : undefined;
}

/** `message_stats.publish` and `message_stats.publish_details.rate`, and their like. */
function statsKey({ sampler }: Api, queue: Queue, path: string): number | undefined {
  const [, name, details] = /^message_stats\.([a-z_]+?)(_details\.rate)?$/.exec(path) ?? [];
  if (name === 'deliver_get' && details !== undefined)
    return sampler.queues.details(queue, deliverGet, undefined).rate;
  const column = statsColumns.find((each) => each === name);
  if (column === undefined) return undefined;
  if (details !== undefined) return sampler.queues.details(queue, [column], undefined).rate;
  return statsValues(queue.stats)[statsColumns.indexOf(column)];
}

const statsColumns = ['publish', ...deliveryColumns] as const;

function statsValues(stats: QueueStats): readonly number[] {
  return [stats.publish, ...deliveryValues(stats)];
}

function definitionView(node: string, queue: Queue): Json {
  return {
    name: queue.name,
    vhost: queue.vhost.name,
    type: queue.type,
    durable: queue.durable,
    auto_delete: queue.autoDelete,
    exclusive: queue.exclusiveOwner !== undefined,
    arguments: queue.arguments.toJSON(),
    node,
    state: 'running',
  };
}

/** A replicated queue has all its replicas here. */
function membersView(node: string): Json {
  return { leader: node, members: [node], online: [node] };
}

function trackedOffsetsView(stream: Stream): Json[] {
  return Array.from(stream.trackedOffsets(), ([consumer_tag, offset]) => ({ consumer_tag, offset }));
}

function exclusiveTag(queue: Queue): string | null {
  for (const consumer of queue.consumers) if (consumer.exclusive) return consumer.tag;
  return null;
}

function ownerView({ name, transport }: ClientConnection): Json {
  return { name, peer_host: transport.ends.peerHost, peer_port: transport.ends.peerPort };
}
