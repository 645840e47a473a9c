import type { FieldTable } from '../../protocol/field-table.ts';
import { numberArgument, positiveNumber, queueTypeArgument, textArgument } from '../arguments.ts';
import { delayMsMax as longestDelayMs } from '../delays/delay-header.ts';
import type { RetrySettings } from '../delays/queue-retry.ts';
import { delayedRetryReasons } from '../delays/return-reason.ts';
import type { PolicyDefinition } from '../policies/definition.ts';

/** Ten years: the longest time-to-live and expiry RabbitMQ takes. */
export const durationMsMax = 315_360_000_000;

/** x-retry-delay-max unless somebody says otherwise: an hour. */
const defaultRetryDelayMsMax = 3_600_000;

/** What x-overflow may say. */
export const overflows = ['drop-head', 'reject-publish', 'reject-publish-dlx'] as const;

/** x-overflow: what happens to a queue that is full. */
export type Overflow = (typeof overflows)[number];

/** What the arguments of a queue and the policies for it ask for; changes with the policies. */
export interface QueueSettings {
  /** x-message-ttl */
  readonly messageTtlMs: number | undefined;
  /** x-expires */
  readonly expiresMs: number | undefined;
  /** x-dead-letter-exchange; '' is the default exchange. */
  readonly deadLetterExchange: string | undefined;
  /** x-dead-letter-routing-key */
  readonly deadLetterRoutingKey: string | undefined;
  /** x-max-length: ready messages. */
  readonly maxLength: number | undefined;
  /** x-max-length-bytes: bytes of the bodies of ready messages. */
  readonly maxLengthBytes: number | undefined;
  readonly overflow: Overflow;
  /** x-delivery-limit: a message may be given back this often. Quorum queues only. */
  readonly deliveryLimit: number | undefined;
  /** x-dead-letter-strategy: a message stays until its dead letter is in a queue. Quorum queues only. */
  readonly deadLettersAtLeastOnce: boolean;
  /** x-retry-delay or x-delayed-retry-type, and what belongs to them */
  readonly retry: RetrySettings | undefined;
  /** x-consumer-timeout: how long a consumer may keep a message, in milliseconds. */
  readonly consumerTimeoutMs: number | undefined;
}

/**
 * What the arguments of a queue and the policies for it, all of which have been checked, ask for: of two numbers
 * the smaller one holds, for the rest the argument wins.
 */
export function queueSettings(all: FieldTable, policy: PolicyDefinition): QueueSettings {
  const isQuorum = queueTypeArgument(all) === 'quorum';
  const overflow = overflows.find((known) => known === textSetting(all, policy, 'overflow')) ?? 'drop-head';
  const deadLetterExchange = textSetting(all, policy, 'dead-letter-exchange');
  const isAtLeastOnce = textSetting(all, policy, 'dead-letter-strategy') === 'at-least-once';
  return {
    messageTtlMs: durationSetting(all, policy, 'message-ttl'),
    expiresMs: durationSetting(all, policy, 'expires'),
    deadLetterExchange,
    deadLetterRoutingKey: textSetting(all, policy, 'dead-letter-routing-key'),
    maxLength: numberSetting(all, policy, 'max-length'),
    maxLengthBytes: numberSetting(all, policy, 'max-length-bytes'),
    // Quorum queues take the third one and do the first.
    overflow: isQuorum && overflow === 'reject-publish-dlx' ? 'drop-head' : overflow,
    deliveryLimit: isQuorum ? deliveryLimit(all, policy) : undefined,
    deadLettersAtLeastOnce:
      isQuorum && isAtLeastOnce && deadLetterExchange !== undefined && overflow === 'reject-publish',
    retry: retrySettings(all, policy) ?? (isQuorum ? delayedRetrySettings(all, policy) : undefined),
    consumerTimeoutMs: positiveNumber(numberSetting(all, policy, 'consumer-timeout')),
  };
}

function retrySettings(all: FieldTable, policy: PolicyDefinition): RetrySettings | undefined {
  const delayMs = numberSetting(all, policy, 'retry-delay');
  if (delayMs === undefined) return undefined;
  const delayMsMax = numberSetting(all, policy, 'retry-delay-max') ?? defaultRetryDelayMsMax;
  return {
    delayMs,
    delayMsMax: Math.min(Math.max(delayMs, delayMsMax), longestDelayMs),
    growth: 'doubling',
    reasons: ['nacked', 'rejected'],
    limit: numberSetting(all, policy, 'retry-limit'),
  };
}

/** RabbitMQ 4.3's retries; how often a message comes back is a matter of x-delivery-limit. */
function delayedRetrySettings(all: FieldTable, policy: PolicyDefinition): RetrySettings | undefined {
  const reasons = delayedRetryReasons.get(textSetting(all, policy, 'delayed-retry-type') ?? 'disabled') ?? [];
  const delayMs = numberSetting(all, policy, 'delayed-retry-min');
  if (reasons.length === 0 || delayMs === undefined) return undefined;
  const delayMsMax = numberSetting(all, policy, 'delayed-retry-max') ?? delayMs;
  return {
    delayMs: Math.min(delayMs, longestDelayMs),
    delayMsMax: Math.min(Math.max(delayMs, delayMsMax), longestDelayMs),
    growth: 'linear',
    reasons,
    limit: undefined,
  };
}

/** Anything may stand in x-delivery-limit. What is no number sets no limit, nor does (as in RabbitMQ 4) a negative one. */
function deliveryLimit(all: FieldTable, policy: PolicyDefinition): number | undefined {
  const ofPolicy = policy['delivery-limit'];
  const limits = [numberArgument(all, 'x-delivery-limit'), ofPolicy].filter(
    (limit) => typeof limit === 'number' && limit >= 0,
  );
  return limits.length === 0 ? undefined : Math.min(...limits.map(Number));
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
