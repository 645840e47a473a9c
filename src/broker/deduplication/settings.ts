import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldTable, FieldValue } from '../../protocol/field-table.ts';
import { integerOf } from '../../protocol/field-value.ts';
import { textArgument } from '../arguments.ts';

/** Ten years: the longest time for which an id counts. */
export const durationMsMax = 315_360_000_000;

/** Ids that a window keeps when nobody says how many. */
const sizeDefault = 100_000;

/** The largest window: it takes half a gigabyte of memory once it is full. */
export const sizeMax = 16_777_216;

/** An argument of exchanges and queues, and the type of exchange that does nothing else. */
export const deduplicationArgument = 'x-message-deduplication';

/** The header with the id of a message. */
export const deduplicationHeader = 'x-deduplication-header';

/** How an exchange or a queue tells duplicates from other messages. */
export interface DeduplicationSettings {
  /** Ids that are remembered, the newest ones. */
  readonly size: number;
  /** How long, in milliseconds; undefined: until the window is full. */
  readonly ttlMs: number | undefined;
  /** The header with the id. */
  readonly header: string;
  /** False: a restart forgets all ids. */
  readonly isKept: boolean;
}

/** Whether the argument x-message-deduplication says that duplicates are to be dropped. */
export function asksForDeduplication(all: FieldTable): boolean {
  const value = all.get(deduplicationArgument);
  return value?.tag === 't' && value.value;
}

/** Ids count for some time, not only while their messages are in the queue. */
export function asksForWindow(all: FieldTable): boolean {
  return all.has('x-cache-size') || all.has('x-cache-ttl');
}

/**
 * Checks the arguments about deduplication, in the words of RabbitMQ's plugin.
 *
 * @throws AmqpError 406
 */
export function checkDeduplicationArguments(all: FieldTable, isSizeRequired: boolean): void {
  const isAsked = all.get(deduplicationArgument);
  if (isAsked !== undefined && isAsked.tag !== 't') {
    throw invalid(`Invalid argument, '${deduplicationArgument}' must be a boolean`);
  }
  const size =
    all.has('x-cache-size') || isSizeRequired ? (positiveNumber(all, 'x-cache-size') ?? 0) : sizeDefault;
  if (size < 1)
    throw invalid("Missing or invalid argument, 'x-cache-size' must be an integer greater than 0");
  if (size > sizeMax) throw invalid(`Invalid argument, 'x-cache-size' must be at most ${sizeMax}`);
  if (all.has('x-cache-ttl') && positiveNumber(all, 'x-cache-ttl') === undefined) {
    throw invalid("Invalid argument, 'x-cache-ttl' must be an integer greater than 0");
  }
  const persistence = all.has('x-cache-persistence') ? textArgument(all, 'x-cache-persistence') : 'disk';
  if (persistence !== 'disk' && persistence !== 'memory') {
    throw invalid("Invalid argument, 'x-cache-persistence' must be either 'disk' or 'memory'");
  }
  if (all.has(deduplicationHeader) && textArgument(all, deduplicationHeader) === undefined) {
    throw invalid(`Invalid argument, '${deduplicationHeader}' must be the name of a header`);
  }
}

/** What arguments that have been checked ask for. */
export function deduplicationSettings(all: FieldTable): DeduplicationSettings {
  return {
    size: positiveNumber(all, 'x-cache-size') ?? sizeDefault,
    ttlMs: positiveNumber(all, 'x-cache-ttl'),
    header: textArgument(all, deduplicationHeader) ?? deduplicationHeader,
    isKept: textArgument(all, 'x-cache-persistence') !== 'memory',
  };
}

function positiveNumber(all: FieldTable, key: string): number | undefined {
  const value = all.get(key);
  return value === undefined ? undefined : positiveInteger(value);
}

/** An integer, or a text that is one, as the plugin takes it; undefined when it is not above 0. */
export function positiveInteger(value: FieldValue): number | undefined {
  const isDigits = value.tag === 'S' && /^[0-9]+$/.test(value.value.toString('latin1'));
  const number = Number(isDigits ? value.value.toString('latin1') : (integerOf(value) ?? 0));
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

function invalid(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, explanation);
}
