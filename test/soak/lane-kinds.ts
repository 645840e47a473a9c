/** What a lane does with which kind of queue. */
export interface LaneKind {
  readonly name: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** Where messages are published; they arrive in the lane's queue as dead letters. */
  readonly entrance?: Readonly<Record<string, unknown>>;
  /** The queue, or its messages, do not survive the broker. */
  readonly isTransient?: boolean;
  /** The queue is transient, too. */
  readonly isQueueTransient?: boolean;
  /** The queue goes with its connection, or with its last consumer. */
  readonly session?: 'exclusive' | 'auto-delete';
  readonly publish?: 'confirm' | 'transaction';
  readonly take?: 'consume' | 'get';
  /** Rejected messages come back at the end of the same queue. */
  readonly rejects?: boolean;
  readonly priorities?: number;
  /** The broker may drop messages. */
  readonly mayDrop?: boolean;
  /** A message that is not marked redelivered may come out of turn. */
  readonly isUnordered?: boolean;
}

/** Dead letters go through the default exchange to the queue of this name. */
export const ownQueue = 'own queue';

export const laneKinds: readonly LaneKind[] = [
  { name: 'durable' },
  { name: 'durable-2' },
  { name: 'gets', take: 'get' },
  { name: 'quorum', arguments: { 'x-queue-type': 'quorum' } },
  { name: 'lazy', arguments: { 'x-queue-mode': 'lazy' } },
  { name: 'priority', arguments: { 'x-max-priority': 5 }, priorities: 5 },
  { name: 'transactions', publish: 'transaction' },
  { name: 'full', arguments: { 'x-max-length': 100, 'x-overflow': 'reject-publish' } },
  { name: 'ring', arguments: { 'x-max-length': 100 }, mayDrop: true },
  { name: 'expiring', arguments: { 'x-message-ttl': 50 }, mayDrop: true },
  { name: 'dead-letters', entrance: { 'x-message-ttl': 80 }, isUnordered: true },
  { name: 'overflow', entrance: { 'x-max-length': 10, 'x-message-ttl': 1_000 }, isUnordered: true },
  {
    name: 'rejects',
    arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': ownQueue },
    rejects: true,
    isUnordered: true,
  },
  { name: 'single', arguments: { 'x-single-active-consumer': true } },
  { name: 'transient-messages', isTransient: true },
  { name: 'transient', isTransient: true, isQueueTransient: true },
  { name: 'exclusive', isTransient: true, session: 'exclusive' },
  { name: 'auto-delete', isTransient: true, session: 'auto-delete' },
];
