import { erlangJson } from '../erlang-term.ts';
import type { JsonValue } from '../store.ts';

/** What is wrong, in RabbitMQ's words; `undefined`: nothing. */
export type Fault = string | undefined;
/** Looks at the value of a key. */
export type Check = (value: JsonValue) => Fault;

/** A whole number within bounds, both included. `what` completes the sentence "... is not a valid <what>", here and below. */
export function integer(min: number, max: number, what: string): Check {
  return (value) =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max ? undefined : isNot(value, what);
}

/** A whole number from `min`. */
export function atLeast(min: number, what: string): Check {
  return integer(min, Number.POSITIVE_INFINITY, what);
}

/** One of a few values. */
export function oneOf(known: readonly JsonValue[], what: string): Check {
  return (value) => (known.includes(value) ? undefined : isNot(value, what));
}

/** A text, the empty one included. */
export function text(what: string): Check {
  return (value) => (typeof value === 'string' ? undefined : isNot(value, what));
}

/** The fault of a value that is no `what`. */
export function isNot(value: JsonValue, what: string): Fault {
  return `${erlangJson(value)} is not a valid ${what}`;
}
