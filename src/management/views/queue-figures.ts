import { timestampOf } from '../../broker/message-timestamp.ts';
import type { Queue } from '../../broker/queues/queue.ts';
import { Stream } from '../../broker/streams/stream.ts';
import type { Json } from '../http/columns.ts';

/**
 * What a queue holds, in messages, bytes of their bodies and memory: the figures that RabbitMQ gives for its type.
 * What is paged out is transient and on disk only.
 */
export function queueFigures(node: string, queue: Queue): Json {
  const { readyBytes } = queue;
  const { delivered, persistent, readyInMemory, deliveredInMemory, pagedOut, memory } = queue.figures();
  if (queue instanceof Stream) {
    const { firstOffset, lastOffset, committedOffset, segmentCount } = queue.extent();
    return {
      memory,
      message_bytes_ready: readyBytes,
      readers: { [node]: queue.consumerCount },
      first_offset: firstOffset,
      last_offset: lastOffset,
      committed_offset: committedOffset,
      segments: segmentCount,
    };
  }
  return {
    memory,
    consumer_capacity: queue.consumerCapacity,
    consumer_utilisation: queue.consumerCapacity,
    head_message_timestamp: timestampOf(queue.backlog.head.headInMemory()) ?? null,
    messages_persistent: persistent.count,
    message_bytes: readyBytes + delivered.bytes,
    message_bytes_ready: readyBytes,
    message_bytes_unacknowledged: delivered.bytes,
    message_bytes_persistent: persistent.bytes,
    ...(queue.type === 'quorum'
      ? {
          // Ready ones only.
          messages_ram: readyInMemory.count,
          message_bytes_ram: readyInMemory.bytes,
          messages_dlx: queue.heldCount,
          message_bytes_dlx: queue.heldBytes,
        }
      : {
          messages_ram: readyInMemory.count + deliveredInMemory.count,
          message_bytes_ram: readyInMemory.bytes + deliveredInMemory.bytes,
          messages_ready_ram: readyInMemory.count,
          messages_unacknowledged_ram: deliveredInMemory.count,
          messages_paged_out: pagedOut.count,
          message_bytes_paged_out: pagedOut.bytes,
        }),
  };
}
