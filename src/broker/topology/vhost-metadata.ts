import type { QueueType } from '../queue-type.ts';

/** What can be limited for a virtual host (RabbitMQ page "Virtual Hosts"). */
export const vhostLimitNames = ['max-connections', 'max-queues'] as const;
export type VhostLimitName = (typeof vhostLimitNames)[number];

/** A limit that is absent or negative is none. */
export type VhostLimits = Readonly<Partial<Record<VhostLimitName, number>>>;

/** What is said of a virtual host besides what is in it. */
export interface VhostMetadata {
  readonly description: string;
  readonly tags: readonly string[];
  /** The type of queues that are declared without x-queue-type. */
  readonly defaultQueueType: QueueType | undefined;
}
