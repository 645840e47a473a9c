import type { FieldEntry, FieldTable } from '../../protocol/field-table.ts';
import { array, bool, int64, longString } from '../../protocol/field-value.ts';
import { erlangEntry } from '../erlang-term.ts';

/** Who did it, where it was the broker itself. */
export const internalUser = 'rmq-internal';

/** Entries of an event's details, with the types that RabbitMQ's event exchange gives them. */
export function text(key: string, value: string | undefined): FieldEntry {
  return [key, longString(value ?? '')];
}

/** A number, as RabbitMQ writes all of them: 64 bits. */
export function number(key: string, value: number): FieldEntry {
  return [key, int64(value)];
}

/** Yes or no. */
export function flag(key: string, value: boolean): FieldEntry {
  return [key, bool(value)];
}

/** Who did it: RabbitMQ names the user first. */
export function performedBy(user: string): FieldEntry {
  return text('user_who_performed_action', user);
}

/** Each entry of a table as the Erlang term it is: `{<<"x-max-length">>,signedint,5}`. */
export function terms(key: string, { entries }: FieldTable): FieldEntry {
  return [key, array(entries.map((entry) => longString(erlangEntry(entry))))];
}
