/** The types of queue there are (`x-queue-type`), in RabbitMQ's words. */
export type QueueType = 'classic' | 'quorum' | 'stream';

/** All of them. */
export const queueTypes: readonly QueueType[] = ['classic', 'quorum', 'stream'];

/** What RabbitMQ's error texts call a type. */
export function queueTypeLabel(type: QueueType): string {
  return `rabbit_${type}_queue`;
}
