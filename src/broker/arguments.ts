import type { FieldTable } from '../protocol/field-table.ts';
import { integerOf } from '../protocol/field-value.ts';
import { decodeText } from '../protocol/text.ts';
import { type QueueType, queueTypes } from './queue-type.ts';

/** The type of queue that is asked for; one that does not exist is refused elsewhere. */
export function queueTypeArgument(all: FieldTable): QueueType {
  const asked = textArgument(all, 'x-queue-type');
  return queueTypes.find((type) => type === asked) ?? 'classic';
}

/** x-consumer-timeout of a queue or a consumer, in milliseconds; what is no positive number does not count. */
export function consumerTimeoutArgument(all: FieldTable): number | undefined {
  return positiveNumber(numberArgument(all, 'x-consumer-timeout'));
}

/** Undefined for what is none. */
export function positiveNumber(value: number | undefined): number | undefined {
  return value === undefined || value <= 0 ? undefined : value;
}

/** The highest priority that a queue tells apart; 0: it has no priorities. */
export function maxPriorityArgument(all: FieldTable): number {
  return numberArgument(all, 'x-max-priority') ?? 0;
}

/** Whether a queue feeds one consumer at a time. */
export function singleActiveConsumerArgument(all: FieldTable): boolean {
  return boolArgument(all, 'x-single-active-consumer');
}

/** False where there is none. */
export function boolArgument(all: FieldTable, key: string): boolean {
  const value = all.get(key);
  return value?.tag === 't' && value.value;
}

/** A text; undefined where there is none, or a value of another type. */
export function textArgument(all: FieldTable, key: string): string | undefined {
  const value = all.get(key);
  return value?.tag === 'S' ? decodeText(value.value, 0, value.value.length) : undefined;
}

/** A whole number of any width; undefined where there is none, or a value of another type. */
export function numberArgument(all: FieldTable, key: string): number | undefined {
  const value = integerOf(all.get(key));
  return value === undefined ? undefined : Number(value);
}
