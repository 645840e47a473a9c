/** The types of queue there are (`x-queue-type`), in RabbitMQ's words. */
export type QueueType = 'classic' | 'quorum';

export const queueTypes: readonly QueueType[] = ['classic', 'quorum'];

/** What RabbitMQ's error texts call a type. */
export function queueTypeLabel(type: QueueType | 'stream'): string {
  return `rabbit_${type}_queue`;
}
