import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldTable, FieldValue } from '../../protocol/field-table.ts';
import { integerOf, textOf, typeName } from '../../protocol/field-value.ts';
import { decodeText } from '../../protocol/text.ts';
import { queueTypeArgument, textArgument } from '../arguments.ts';
import { delayMsMax as longestDelayMs } from '../delays/delay-header.ts';
import { delayedRetryReasons } from '../delays/return-reason.ts';
import { type QueueType, queueTypeLabel, queueTypes } from '../queue-type.ts';
import { durationMs } from '../streams/duration.ts';
import { offsetArgumentFault } from '../streams/offset-argument.ts';
import { durationMsMax, overflows } from './queue-settings.ts';

/** Highest priority a queue may ask for. */
const priorityMax = 255;

const deadLetterStrategies = ['at-most-once', 'at-least-once'];

/** What is wrong with a value, as the Erlang term RabbitMQ prints; `undefined`: nothing. */
type Fault = string | undefined;
type Validator = (value: FieldValue, all: FieldTable) => Fault;

const unacceptableType = (value: FieldValue): Fault => `{unacceptable_type,${typeName(value)}}`;

/** An integer of any width for which `check` finds no fault. */
function integer(check: (value: number | bigint) => Fault): Validator {
  return (value) => {
    const number = integerOf(value);
    return number === undefined ? `"expected integer, got ${typeName(value)}"` : check(number);
  };
}

function negative(value: number | bigint): Fault {
  return value < 0 ? `{value_negative,${value}}` : undefined;
}

function duration(value: number | bigint): Fault {
  return value > durationMsMax ? `{value_too_large,${value}}` : negative(value);
}

/** A long string out of `known`, else `fault` says what RabbitMQ says. */
function oneOf(known: readonly string[], fault: (text: string) => string): Validator {
  return (value) => {
    if (value.tag !== 'S') return unacceptableType(value);
    const text = decodeText(value.value, 0, value.value.length);
    return known.includes(text) ? undefined : fault(text);
  };
}

const anyInteger = integer(() => undefined);
const bool: Validator = (value) => (value.tag === 't' ? undefined : unacceptableType(value));
const text: Validator = (value) => (value.tag === 'S' ? undefined : unacceptableType(value));

const queueVersion = integer((version) =>
  version >= 1 && version <= 2 ? undefined : `"unsupported queue version '${version}'"`,
);

const maxPriority = integer((value) =>
  value > priorityMax ? `{max_value_exceeded,${value}}` : negative(value),
);

const deadLetterRoutingKey: Validator = (value, all) =>
  text(value, all) ?? (all.has('x-dead-letter-exchange') ? undefined : 'routing_key_but_no_dlx_defined');

function atLeastOne(value: number | bigint): Fault {
  return value === 0 || value === 0n ? '{value_zero,0}' : negative(value);
}

const positive = integer(atLeastOne);

const retryDelay = integer((value) =>
  value > longestDelayMs ? `{value_too_large,${value}}` : atLeastOne(value),
);

/** The other arguments of retries mean nothing without the first delay. */
function besidesRetryDelay(check: Validator): Validator {
  return (value, all) => (all.has('x-retry-delay') ? check(value, all) : '"x-retry-delay is missing"');
}

const retryDelayMax = besidesRetryDelay((value, all) => {
  const isSmaller = Number(integerOf(value) ?? 0) < Number(integerOf(all.get('x-retry-delay')) ?? 0);
  return retryDelay(value, all) ?? (isSmaller ? '"smaller than x-retry-delay"' : undefined);
});

const retryLimit = besidesRetryDelay(integer(negative));

const knownRetryType = oneOf(
  [...delayedRetryReasons.keys()],
  (type) => `"unsupported delayed retry type '${type}'"`,
);

const delayedRetryType: Validator = (value, all) => {
  const fault = knownRetryType(value, all);
  if (fault !== undefined || textOf(value) === 'disabled') return fault;
  if (!all.has('x-delayed-retry-min')) return '"x-delayed-retry-min is missing"';
  return all.has('x-retry-delay') ? '"x-retry-delay is there, too"' : undefined;
};

const delayedRetryMax: Validator = (value, all) => {
  const isSmaller = Number(integerOf(value) ?? 0) < Number(integerOf(all.get('x-delayed-retry-min')) ?? 0);
  return retryDelay(value, all) ?? (isSmaller ? '"smaller than x-delayed-retry-min"' : undefined);
};

/** RabbitMQ 3.10 fails where the text does not even begin like a duration; 4.x says this. */
const maxAge: Validator = (value, all) =>
  text(value, all) ?? (durationMs(textOf(value) ?? '') === undefined ? 'invalid_max_age' : undefined);

const filterSize = integer((value) =>
  value >= 16 && value <= 255 ? undefined : `"expected 16 to 255, got ${value}"`,
);

/** One filter value or several, as long strings. */
const filterValues: Validator = (value, all) => {
  if (value.tag !== 'A') return text(value, all);
  const wrong = value.value.find((element) => element.tag !== 'S');
  return wrong && unacceptableType(wrong);
};

const leaderLocators = ['client-local', 'balanced', 'random', 'least-leaders'];
const masterLocators = ['min-masters', 'client-local', 'random'];
const badLocator = () => 'invalid_queue_locator_arg';
const anything: Validator = () => undefined;

/** What an argument must look like, and which types of queue have it. */
interface ArgumentRule {
  readonly check: Validator;
  readonly types: readonly QueueType[];
}

const classic: readonly QueueType[] = ['classic'];
const quorum: readonly QueueType[] = ['quorum'];
const both: readonly QueueType[] = ['classic', 'quorum'];
const streams: readonly QueueType[] = ['stream'];
const replicated: readonly QueueType[] = ['quorum', 'stream'];

/**
 * The arguments of queues (RabbitMQ pages "Optional Queue Arguments" and "Quorum Queues") in the order RabbitMQ
 * checks and compares them. An argument that stands nowhere here is taken and kept.
 */
const queueArguments: ReadonlyMap<string, ArgumentRule> = new Map<string, ArgumentRule>([
  [
    'x-expires',
    {
      check: integer((value) => (value === 0 || value === 0n ? '{value_zero,0}' : duration(value))),
      types: both,
    },
  ],
  ['x-message-ttl', { check: integer(duration), types: both }],
  ['x-dead-letter-exchange', { check: text, types: both }],
  ['x-dead-letter-routing-key', { check: deadLetterRoutingKey, types: both }],
  [
    'x-dead-letter-strategy',
    { check: oneOf(deadLetterStrategies, () => 'invalid_dlx_strategy'), types: quorum },
  ],
  ['x-max-length', { check: integer(negative), types: both }],
  ['x-max-length-bytes', { check: integer(negative), types: queueTypes }],
  ['x-max-in-memory-length', { check: integer(negative), types: quorum }],
  ['x-max-in-memory-bytes', { check: integer(negative), types: quorum }],
  ['x-max-priority', { check: maxPriority, types: classic }],
  ['x-overflow', { check: oneOf(overflows, () => 'invalid_overflow'), types: both }],
  [
    'x-queue-mode',
    { check: oneOf(['default', 'lazy'], (mode) => `"unsupported queue mode '${mode}'"`), types: classic },
  ],
  ['x-queue-version', { check: queueVersion, types: classic }],
  ['x-single-active-consumer', { check: bool, types: both }],
  ['x-quorum-initial-group-size', { check: positive, types: quorum }],
  ['x-max-age', { check: maxAge, types: streams }],
  ['x-stream-max-segment-size-bytes', { check: integer(negative), types: streams }],
  ['x-stream-filter-size-bytes', { check: filterSize, types: streams }],
  ['x-initial-cluster-size', { check: positive, types: streams }],
  ['x-queue-leader-locator', { check: oneOf(leaderLocators, badLocator), types: replicated }],
  ['x-delivery-limit', { check: anything, types: quorum }],
  ['x-delayed-retry-type', { check: delayedRetryType, types: quorum }],
  ['x-delayed-retry-min', { check: retryDelay, types: quorum }],
  ['x-delayed-retry-max', { check: delayedRetryMax, types: quorum }],
  ['x-retry-delay', { check: retryDelay, types: both }],
  ['x-retry-delay-max', { check: retryDelayMax, types: both }],
  ['x-retry-limit', { check: retryLimit, types: both }],
  ['x-queue-master-locator', { check: oneOf(masterLocators, badLocator), types: classic }],
]);

/** '' and 'undefined' are what management tools send for "not chosen". */
const queueType = oneOf([...queueTypes, '', 'undefined'], (type) => `"unsupported queue type '${type}'"`);

/** The arguments that a second declaration of a queue of that type has to repeat. */
export function comparedQueueArguments(type: QueueType): readonly string[] {
  const keys = [...queueArguments].filter(([, rule]) => rule.types.includes(type)).map(([key]) => key);
  return [...keys, 'x-queue-type'];
}

/**
 * Checks the arguments of a new queue; `queue` is its description for the error text.
 *
 * @throws AmqpError 406
 */
export function checkQueueArguments(queue: string, all: FieldTable): void {
  check(queue, 'x-queue-type', queueType, all);
  const type = queueTypeArgument(all);
  for (const [key, rule] of queueArguments) {
    if (rule.types.includes(type)) check(queue, key, rule.check, all);
  }
  for (const [key] of all.entries) {
    if (queueArguments.get(key)?.types.includes(type) === false) throw foreignArgument(queue, key, type);
  }
}

/**
 * The arguments of consumers (RabbitMQ pages "Consumer Priorities" and "Streams"). An argument that stands nowhere
 * here is taken and means nothing; those of streams that RabbitMQ 3.10 does not know mean nothing to other queues.
 */
const consumerArguments: ReadonlyMap<string, ArgumentRule> = new Map<string, ArgumentRule>([
  ['x-priority', { check: anyInteger, types: both }],
  ['x-cancel-on-ha-failover', { check: bool, types: both }],
  ['x-stream-offset', { check: offsetArgumentFault, types: streams }],
]);

/** Checked for streams only. */
const streamConsumerArguments: ReadonlyMap<string, Validator> = new Map<string, Validator>([
  ['x-stream-filter', filterValues],
  ['x-stream-match-unfiltered', bool],
  ['x-stream-automatic-offset-tracking', bool],
]);

/**
 * Checks the arguments of a new consumer; `queue` is the description of its queue for the error text.
 *
 * @throws AmqpError 406
 */
export function checkConsumerArguments(queue: string, type: QueueType, all: FieldTable): void {
  for (const [key, rule] of consumerArguments) {
    if (rule.types.includes(type)) check(queue, key, rule.check, all);
    else if (all.has(key)) throw foreignArgument(queue, key, type);
  }
  if (type !== 'stream') return;
  for (const [key, validator] of streamConsumerArguments) check(queue, key, validator, all);
}

function foreignArgument(queue: string, key: string, type: QueueType): AmqpError {
  return invalid(`invalid arg '${key}' for ${queue} of queue type ${queueTypeLabel(type)}`);
}

function check(queue: string, key: string, validator: Validator, all: FieldTable): void {
  const value = all.get(key);
  const fault = value === undefined ? undefined : validator(value, all);
  if (fault !== undefined) throw invalid(`invalid arg '${key}' for ${queue}: ${fault}`);
}

/**
 * The name of an exchange in an argument; `resource` is the description of what is declared. `undefined`
 * if there is no such argument.
 *
 * @throws AmqpError 406 when it is no long string
 */
export function exchangeNameArgument(resource: string, key: string, all: FieldTable): string | undefined {
  const value = all.get(key);
  if (value !== undefined && value.tag !== 'S') {
    throw invalid(`invalid type '${typeName(value)}' for arg '${key}' in ${resource}`);
  }
  return textArgument(all, key);
}

function invalid(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, explanation);
}
