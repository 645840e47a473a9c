import { durationMsMax, sizeMax } from '../deduplication/settings.ts';
import { erlangJson } from '../erlang-term.ts';
import type { JsonValue } from '../store.ts';
import type { PolicyDefinition } from './definition.ts';
import { checkMirroring, mirroringKeys } from './mirroring.ts';
import { patternFault } from './name-pattern.ts';
import type { PolicyKind } from './policy.ts';
import { checkDelayedRetries, checkRetries, retryDelayMsMax } from './retry-keys.ts';
import { atLeast, type Check, type Fault, integer, isNot, oneOf, text } from './value-check.ts';

/** RabbitMQ's, for segments of streams. */
const segmentBytesMax = 3_000_000_000;

const maxAge: Check = (value) =>
  typeof value === 'string' && /^0*[1-9][0-9]*[YMDhms]$/.test(value) ? undefined : isNot(value, 'max age');

const masterLocator: Check = (value) =>
  value === 'min-masters' || value === 'client-local' || value === 'random'
    ? undefined
    : `${erlangJson(value)} invalid queue-master-locator value`;

/** An integer about deduplication, in the words of RabbitMQ's plugin. */
function cacheLimit(key: string, max: number): Check {
  return (value) =>
    Number.isInteger(value) && Number(value) > 0 && Number(value) <= max
      ? undefined
      : `'${key}' must be an integer greater than 0 and at most ${max}, got ${erlangJson(value)}`;
}

const deduplication: Check = (value) =>
  typeof value === 'boolean'
    ? undefined
    : `'x-message-deduplication' must be a boolean, got ${erlangJson(value)}`;

/** Where ids are kept is part of what an exchange or a queue is. */
const cachePersistence: Check = () =>
  "'x-cache-persistence' cannot come from a policy: declare exchanges and queues with it";

const upstreamPattern: Check = (value) => {
  if (typeof value !== 'string') return isNot(value, 'federation upstream pattern name');
  const reason = patternFault(value);
  return reason && `could not compile pattern ${value} to a regular expression. Error: ${reason}`;
};

/** Checked as a whole by {@link checkMirroring}. */
const checkedTogether: Check = () => undefined;

/** All keys of policies, those of later versions of RabbitMQ and of its plugins included. */
const checks: ReadonlyMap<string, Check> = new Map([
  ['queue-master-locator', masterLocator],
  ['alternate-exchange', text('alternate exchange name')],
  ['consumer-disconnected-timeout', atLeast(0, 'consumer disconnected timeout')],
  ['consumer-timeout', atLeast(0, 'consumer timeout')],
  ['dead-letter-exchange', text('dead letter exchange name')],
  ['dead-letter-routing-key', text('dead letter routing key')],
  ['dead-letter-strategy', oneOf(['at-most-once', 'at-least-once'], 'dead letter strategy')],
  ['delayed-retry-max', integer(1, retryDelayMsMax, 'delayed retry max')],
  ['delayed-retry-min', integer(1, retryDelayMsMax, 'delayed retry min')],
  ['delayed-retry-type', oneOf(['disabled', 'all', 'failed', 'returned'], 'delayed retry type')],
  // Negative: without a limit, as in RabbitMQ 4.
  ['delivery-limit', atLeast(Number.NEGATIVE_INFINITY, 'delivery limit')],
  ['expires', atLeast(1, 'queue expiry')],
  ['initial-cluster-size', atLeast(0, 'cluster size')],
  ['max-age', maxAge],
  ['max-in-memory-bytes', atLeast(0, 'maximum memory in bytes')],
  ['max-in-memory-length', atLeast(0, 'maximum memory in bytes')],
  ['max-length', atLeast(0, 'maximum length')],
  ['max-length-bytes', atLeast(0, 'maximum length in bytes')],
  ['member-placement-tag', text('member placement tag')],
  ['message-ttl', atLeast(0, 'message TTL')],
  ['overflow', oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], 'overflow value')],
  [
    'queue-leader-locator',
    oneOf(['client-local', 'balanced', 'random', 'least-leaders'], 'queue leader locator value'),
  ],
  ['queue-mode', oneOf(['default', 'lazy'], 'queue-mode value')],
  ['queue-version', oneOf([1, 2], 'queue-version value')],
  ['retry-delay', integer(1, retryDelayMsMax, 'retry delay')],
  ['retry-delay-max', integer(1, retryDelayMsMax, 'retry delay')],
  ['retry-limit', atLeast(0, 'retry limit')],
  ['stream-filter-size-bytes', integer(16, 255, 'filter size')],
  ['stream-max-segment-size-bytes', integer(0, segmentBytesMax, 'segment size')],
  ['target-group-size', atLeast(0, 'target quorum queue group size')],
  ['x-cache-persistence', cachePersistence],
  ['x-cache-size', cacheLimit('x-cache-size', sizeMax)],
  ['x-cache-ttl', cacheLimit('x-cache-ttl', durationMsMax)],
  ['x-message-deduplication', deduplication],
  ...mirroringKeys.map((key): [string, Check] => [key, checkedTogether]),
  ['federation-upstream', text('federation upstream name')],
  ['federation-upstream-pattern', upstreamPattern],
  ['federation-upstream-set', text('federation upstream set name')],
  ['routing-key', (value) => wrongRoutingKey(value)],
  ['shards-per-node', (value) => wrongShardCount(value)],
]);

/** What operators may limit. */
const operatorKeys: ReadonlySet<string> = new Set([
  'delayed-retry-max',
  'delayed-retry-min',
  'delayed-retry-type',
  'delivery-limit',
  'expires',
  'ha-mode',
  'ha-params',
  'ha-sync-mode',
  'max-in-memory-bytes',
  'max-in-memory-length',
  'max-length',
  'max-length-bytes',
  'message-ttl',
  'overflow',
  'queue-version',
  'target-group-size',
]);

/** Checks key by key, as RabbitMQ does: the first fault is the one that is told. */
export function checkDefinition(kind: PolicyKind, definition: PolicyDefinition): Fault {
  const keys = Object.keys(definition).sort();
  if (keys.length === 0) return 'no policy provided';
  const isKnown = (key: string): boolean => checks.has(key) && (kind === 'policy' || operatorKeys.has(key));
  for (const [key, check] of checks) {
    const value = definition[key];
    const fault = value === undefined || !isKnown(key) ? undefined : check(value);
    if (fault !== undefined) return fault;
  }
  const fault =
    checkMirroring(definition) ??
    checkPlugins(definition) ??
    checkRetries(definition) ??
    checkDelayedRetries(kind, definition);
  if (fault !== undefined) return fault;
  const unknown = keys.filter((key) => !isKnown(key));
  if (unknown.length === 0) return undefined;
  const terms = unknown.map((key) => `{${erlangJson(key)},${erlangJson(definition[key] ?? null)}}`);
  return `${erlangList(terms)} are not recognised policy settings`;
}

/** Federation and sharding: accepted for the sake of imported definitions. */
function checkPlugins(definition: PolicyDefinition): Fault {
  const upstreams = Object.keys(definition).filter((key) => key.startsWith('federation-upstream'));
  if (upstreams.filter((key) => checks.has(key)).length > 1) {
    return 'cannot specify federation-upstream, federation-upstream-set or federation-upstream-pattern together';
  }
  if (definition['routing-key'] !== undefined && definition['shards-per-node'] === undefined) {
    return 'shards-per-node must be specified';
  }
  return undefined;
}

function wrongShardCount(value: JsonValue): Fault {
  if (typeof value !== 'number') {
    return `shards-per-node should be a number, actually was ${erlangJson(value)}`;
  }
  return value >= 0
    ? undefined
    : `shards-per-node should be greater than 0, actually was ${erlangJson(value)}`;
}

function wrongRoutingKey(value: JsonValue): Fault {
  if (typeof value === 'string') return undefined;
  return `routing-key should be binary, actually was ${erlangJson(value)}`;
}

/** Erlang breaks lines of about this length. */
const erlangLineMax = 78;

function erlangList(terms: readonly string[]): string {
  const line = `[${terms.join(',')}]`;
  return line.length <= erlangLineMax ? line : `[${terms.join(',\n ')}]`;
}
