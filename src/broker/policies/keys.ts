import { durationMsMax, sizeMax } from '../deduplication/settings.ts';
import { erlangJson } from '../erlang-term.ts';
import type { QueueType } from '../queues/queue-type.ts';
import type { JsonValue } from '../store.ts';
import type { PolicyDefinition } from './definition.ts';
import { NamePattern } from './name-pattern.ts';
import { PatternError } from './pattern-reader.ts';
import type { PolicyKind } from './policy.ts';

/** What is wrong, in RabbitMQ's words; `undefined`: nothing. */
type Fault = string | undefined;
type Check = (value: JsonValue) => Fault;

const segmentBytesMax = 3_000_000_000;
/** The longest delay of a delayed message. */
const retryDelayMsMax = 2 ** 32 - 1;

function integer(min: number, max: number, what: string): Check {
  return (value) =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max ? undefined : isNot(value, what);
}

function atLeast(min: number, what: string): Check {
  return integer(min, Number.POSITIVE_INFINITY, what);
}

function oneOf(known: readonly JsonValue[], what: string): Check {
  return (value) => (known.includes(value) ? undefined : isNot(value, what));
}

function text(what: string): Check {
  return (value) => (typeof value === 'string' ? undefined : isNot(value, what));
}

function isNot(value: JsonValue, what: string): Fault {
  return `${erlangJson(value)} is not a valid ${what}`;
}

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

/** Mirroring, checked as a whole by {@link checkMirroring}. */
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
  ['ha-mode', checkedTogether],
  ['ha-params', checkedTogether],
  ['ha-promote-on-failure', checkedTogether],
  ['ha-promote-on-shutdown', checkedTogether],
  ['ha-sync-batch-size', checkedTogether],
  ['ha-sync-mode', checkedTogether],
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

const mirroringKeys = [
  'ha-mode',
  'ha-params',
  'ha-promote-on-failure',
  'ha-promote-on-shutdown',
  'ha-sync-mode',
];

/** A policy with one of these keys passes by the queues of the type. */
const unsupportedKeys: Readonly<Record<QueueType, ReadonlySet<string>>> = {
  classic: new Set([...quorumKeys, ...streamKeys, 'queue-leader-locator']),
  quorum: new Set([...mirroringKeys, ...streamKeys, 'queue-master-locator', 'queue-mode']),
  stream: new Set([
    ...mirroringKeys,
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

export function isSupported(type: QueueType, definition: PolicyDefinition): boolean {
  const unsupported = unsupportedKeys[type];
  return Object.keys(definition).every((key) => !unsupported.has(key));
}

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

/** The reason, as RabbitMQ prints it, why a pattern is no regular expression. */
export function patternFault(pattern: string): Fault {
  try {
    new NamePattern(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return `{${JSON.stringify(error.message)},${error.offset}}`;
    throw error;
  }
}

/** Leveret replicates whatever it holds: these settings are kept and shown, and change nothing. */
function checkMirroring(definition: PolicyDefinition): Fault {
  const mode = definition['ha-mode'];
  if (mode === undefined) {
    const isAlone = !Object.keys(definition).some((key) => key.startsWith('ha-') && checks.has(key));
    if (isAlone) return undefined;
    return 'ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown';
  }
  return (
    wrongMirrorParameters(mode, definition['ha-params']) ??
    wrongChoice(definition, 'ha-sync-mode', ['manual', 'automatic']) ??
    wrongBatchSize(definition['ha-sync-batch-size']) ??
    wrongChoice(definition, 'ha-promote-on-shutdown', ['always', 'when-synced']) ??
    wrongChoice(definition, 'ha-promote-on-failure', ['always', 'when-synced'])
  );
}

function wrongMirrorParameters(mode: JsonValue, parameters: JsonValue | undefined): Fault {
  const given = parameters === undefined ? 'none' : erlangJson(parameters);
  switch (mode) {
    case 'all':
      return parameters === undefined ? undefined : 'ha-mode="all" does not take parameters';
    case 'exactly':
      return Number.isInteger(parameters) && Number(parameters) > 0
        ? undefined
        : `ha-mode="exactly" takes an integer, ${given} given`;
    case 'nodes': {
      if (!Array.isArray(parameters)) return `ha-mode="nodes" takes a list, ${given} given`;
      if (parameters.length === 0) return 'ha-mode="nodes" list must be non-empty';
      const wrong = parameters.filter((node) => typeof node !== 'string');
      if (wrong.length === 0) return undefined;
      return `ha-mode="nodes" takes a list of strings, ${erlangJson(wrong)} was not a string`;
    }
    default:
      return isNot(mode, 'ha-mode value');
  }
}

function wrongChoice(definition: PolicyDefinition, key: string, known: readonly [string, string]): Fault {
  const value = definition[key];
  if (value === undefined || value === known[0] || value === known[1]) return undefined;
  return `${key} must be "${known[0]}" or "${known[1]}", got ${erlangJson(value)}`;
}

function wrongBatchSize(value: JsonValue | undefined): Fault {
  if (value === undefined || (Number.isInteger(value) && Number(value) > 0)) return undefined;
  return `ha-sync-batch-size takes an integer greater than 0, ${erlangJson(value)} given`;
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

function checkRetries(definition: PolicyDefinition): Fault {
  const { 'retry-delay': delay, 'retry-delay-max': delayMax, 'retry-limit': limit } = definition;
  if (delay === undefined) {
    if (delayMax === undefined && limit === undefined) return undefined;
    return 'retry-delay must be specified to specify retry-delay-max or retry-limit';
  }
  return Number(delayMax ?? delay) < Number(delay)
    ? 'retry-delay-max must not be smaller than retry-delay'
    : undefined;
}

/** Operators may set limits alone. */
function checkDelayedRetries(kind: PolicyKind, definition: PolicyDefinition): Fault {
  const type = definition['delayed-retry-type'] ?? 'disabled';
  const { 'delayed-retry-min': delay, 'delayed-retry-max': delayMax } = definition;
  if (Number(delayMax ?? delay) < Number(delay)) {
    return 'delayed-retry-max must not be smaller than delayed-retry-min';
  }
  if (kind === 'operator_policy' || type === 'disabled') return undefined;
  if (delay === undefined)
    return `delayed-retry-min must be specified for delayed-retry-type ${erlangJson(type)}`;
  return definition['retry-delay'] === undefined
    ? undefined
    : 'retry-delay and delayed-retry-type cannot be specified together';
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
