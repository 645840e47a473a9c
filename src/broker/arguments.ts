import { AmqpError, ReplyCode } from '../protocol/errors.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import { type FieldValue, integerOf, typeName } from '../protocol/field-value.ts';
import { decodeText } from '../protocol/text.ts';
import type { PolicyDefinition } from './policies/policy.ts';
import type { Overflow, QueueSettings } from './queue.ts';

/** Ten years: the longest time-to-live and expiry RabbitMQ takes. */
const durationMsMax = 315_360_000_000;

/** Highest priority a queue may ask for. */
const priorityMax = 255;

const overflows: readonly Overflow[] = ['drop-head', 'reject-publish', 'reject-publish-dlx'];

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

/**
 * The arguments of a classic queue (RabbitMQ page "Optional Queue Arguments") and what they must look like,
 * in the order RabbitMQ checks and compares them.
 */
const classicArguments: ReadonlyMap<string, Validator> = new Map([
  ['x-expires', integer((value) => (value === 0 || value === 0n ? '{value_zero,0}' : duration(value)))],
  ['x-message-ttl', integer(duration)],
  ['x-dead-letter-exchange', text],
  ['x-dead-letter-routing-key', deadLetterRoutingKey],
  ['x-max-length', integer(negative)],
  ['x-max-length-bytes', integer(negative)],
  ['x-max-priority', maxPriority],
  ['x-overflow', oneOf(overflows, () => 'invalid_overflow')],
  ['x-queue-mode', oneOf(['default', 'lazy'], (mode) => `"unsupported queue mode '${mode}'"`)],
  ['x-queue-version', queueVersion],
  ['x-single-active-consumer', bool],
  [
    'x-queue-master-locator',
    oneOf(['min-masters', 'client-local', 'random'], () => 'invalid_queue_locator_arg'),
  ],
]);

/** Arguments of quorum queues and streams only. An argument that nobody knows is taken and kept. */
const foreignArguments: ReadonlySet<string> = new Set([
  'x-dead-letter-strategy',
  'x-delivery-limit',
  'x-initial-cluster-size',
  'x-max-age',
  'x-max-in-memory-bytes',
  'x-max-in-memory-length',
  'x-queue-leader-locator',
  'x-quorum-initial-group-size',
  'x-stream-max-segment-size-bytes',
]);

/** '' and 'undefined' are what management tools send for "not chosen". */
const queueType = oneOf(['classic', '', 'undefined'], (type) => `"unsupported queue type '${type}'"`);

/** The arguments that a second declaration has to repeat. */
export const comparedQueueArguments: readonly string[] = [...classicArguments.keys(), 'x-queue-type'];

/**
 * Checks the arguments of a new queue; `queue` is its description for the error text.
 *
 * @throws AmqpError 406
 */
export function checkQueueArguments(queue: string, all: FieldTable): void {
  check(queue, 'x-queue-type', queueType, all);
  for (const [key, validator] of classicArguments) check(queue, key, validator, all);
  for (const [key] of all.entries) {
    if (foreignArguments.has(key)) throw foreignArgument(queue, key);
  }
}

/**
 * Checks the arguments of a new consumer (RabbitMQ page "Consumer Priorities"); `queue` is the description of
 * its queue for the error text.
 *
 * @throws AmqpError 406
 */
export function checkConsumerArguments(queue: string, all: FieldTable): void {
  check(queue, 'x-priority', anyInteger, all);
  check(queue, 'x-cancel-on-ha-failover', bool, all);
  if (all.has('x-stream-offset')) throw foreignArgument(queue, 'x-stream-offset');
}

function foreignArgument(queue: string, key: string): AmqpError {
  return invalid(`invalid arg '${key}' for ${queue} of queue type rabbit_classic_queue`);
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

/**
 * What the arguments of a queue and the policies for it, all of which have been checked, ask for: of two numbers
 * the smaller one holds, for the rest the argument wins.
 */
export function queueSettings(all: FieldTable, policy: PolicyDefinition): QueueSettings {
  return {
    messageTtlMs: durationSetting(all, policy, 'message-ttl'),
    expiresMs: durationSetting(all, policy, 'expires'),
    deadLetterExchange: textSetting(all, policy, 'dead-letter-exchange'),
    deadLetterRoutingKey: textSetting(all, policy, 'dead-letter-routing-key'),
    maxLength: numberSetting(all, policy, 'max-length'),
    maxLengthBytes: numberSetting(all, policy, 'max-length-bytes'),
    overflow: overflows.find((known) => known === textSetting(all, policy, 'overflow')) ?? 'drop-head',
  };
}

/** The highest priority that a queue tells apart; 0: it has no priorities. */
export function maxPriorityArgument(all: FieldTable): number {
  return numberArgument(all, 'x-max-priority') ?? 0;
}

/** Whether a queue feeds one consumer at a time. */
export function singleActiveConsumerArgument(all: FieldTable): boolean {
  const value = all.get('x-single-active-consumer');
  return value?.tag === 't' && value.value;
}

export function textArgument(all: FieldTable, key: string): string | undefined {
  const value = all.get(key);
  return value?.tag === 'S' ? decodeText(value.value, 0, value.value.length) : undefined;
}

function numberArgument(all: FieldTable, key: string): number | undefined {
  const value = integerOf(all.get(key));
  return value === undefined ? undefined : Number(value);
}

/** A policy may ask for more than an argument: no time is longer than the longest one here. */
function durationSetting(all: FieldTable, policy: PolicyDefinition, key: string): number | undefined {
  const setting = numberSetting(all, policy, key);
  return setting === undefined ? undefined : Math.min(setting, durationMsMax);
}

function numberSetting(all: FieldTable, policy: PolicyDefinition, key: string): number | undefined {
  const argument = numberArgument(all, `x-${key}`);
  const ofPolicy = policy[key];
  if (typeof ofPolicy !== 'number') return argument;
  return argument === undefined ? ofPolicy : Math.min(argument, ofPolicy);
}

function textSetting(all: FieldTable, policy: PolicyDefinition, key: string): string | undefined {
  const ofPolicy = policy[key];
  return textArgument(all, `x-${key}`) ?? (typeof ofPolicy === 'string' ? ofPolicy : undefined);
}
