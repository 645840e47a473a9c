import type { QueueType } from '../queue-type.ts';
import type { PolicyDefinition } from './definition.ts';
import { mirroringKeys } from './mirroring.ts';

const quorumKeys = [
  'consumer-disconnected-timeout',
  'dead-letter-strategy',
  'delayed-retry-max',
  'delayed-retry-min',
  'delayed-retry-type',
  'delivery-limit',
  'member-placement-tag',
  'target-group-size',
];

const streamKeys = [
  'initial-cluster-size',
  'max-age',
  'stream-filter-size-bytes',
  'stream-max-segment-size-bytes',
];

/** RabbitMQ's lists of these leave one out. */
const listedMirroringKeys = mirroringKeys.filter((key) => key !== 'ha-sync-batch-size');

/** A policy with one of these keys passes by the queues of the type. */
const unsupportedKeys: Readonly<Record<QueueType, ReadonlySet<string>>> = {
  classic: new Set([...quorumKeys, ...streamKeys, 'queue-leader-locator']),
  quorum: new Set([...listedMirroringKeys, ...streamKeys, 'queue-master-locator', 'queue-mode']),
  stream: new Set([
    ...listedMirroringKeys,
    ...quorumKeys,
    'dead-letter-exchange',
    'dead-letter-routing-key',
    'expires',
    'max-in-memory-bytes',
    'max-in-memory-length',
    'max-length',
    'message-ttl',
    'overflow',
    'queue-master-locator',
    'queue-mode',
    'retry-delay',
    'retry-delay-max',
    'retry-limit',
    'x-message-deduplication',
  ]),
};

/** Whether a policy of this definition can hold for queues of the type. */
export function isSupported(type: QueueType, definition: PolicyDefinition): boolean {
  const unsupported = unsupportedKeys[type];
  return Object.keys(definition).every((key) => !unsupported.has(key));
}
