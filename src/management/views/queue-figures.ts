import type { Message } from '../../broker/message.ts';
import type { Queue } from '../../broker/queues/queue.ts';
import { PropertyFlag } from '../../protocol/basic-properties.ts';
import { ByteReader } from '../../protocol/byte-reader.ts';
import type { Json } from '../http/columns.ts';

/**
 * What a queue holds, in messages, bytes of their bodies and memory: the figures that RabbitMQ gives for its type.
 * What is paged out is transient and on disk only.
 */
export function queueFigures(node: string, queue: Queue): Json {
  const { readyBytes } = queue;
  const { delivered, persistent, readyInMemory, deliveredInMemory, pagedOut, memory } = queue.figures();
  if (queue.type === 'stream')
    return { memory, message_bytes_ready: readyBytes, readers: { [node]: queue.consumerCount } };
  return {
    memory,
    consumer_capacity: queue.consumerCapacity,
    consumer_utilisation: queue.consumerCapacity,
    head_message_timestamp: timestampOf(queue.backlog.head.headInMemory()),
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

/** The property `timestamp`: seconds since 1970, as a rule. Headers, which may be unreadable, are not looked at. */
function timestampOf(message: Message | undefined): number | null {
  if (message === undefined) return null;
  const { frames, propertiesStart, propertiesEnd, scan } = message;
  if ((scan.flags & PropertyFlag.Timestamp) === 0) return null;
  const { ContentType, ContentEncoding, DeliveryMode, Priority } = PropertyFlag;
  const { CorrelationId, ReplyTo, Expiration, MessageId } = PropertyFlag;
  const hasHeaders = scan.headersEnd !== 0;
  const reader = new ByteReader(frames, hasHeaders ? scan.headersEnd : propertiesStart + 2, propertiesEnd);
  const has = (flag: number): boolean => (scan.flags & flag) !== 0;
  if (!hasHeaders) for (const flag of [ContentType, ContentEncoding]) if (has(flag)) reader.rawShortString();
  for (const flag of [DeliveryMode, Priority]) if (has(flag)) reader.uint8();
  for (const flag of [CorrelationId, ReplyTo, Expiration, MessageId]) if (has(flag)) reader.rawShortString();
  return Number(reader.bigUint64());
}
