import type { FieldValue } from '../../protocol/field-table.ts';
import { integerOf, textOf, typeName } from '../../protocol/field-value.ts';
import { erlangTerm } from '../erlang-term.ts';
import { durationMs } from './duration.ts';

/** Where a consumer wants to start reading (RabbitMQ page "Streams", "Consuming"). */
export type StreamStart =
  | { readonly at: 'first' | 'last' | 'next' }
  | { readonly at: 'offset'; readonly offset: number }
  /** The first message that came at that time or later, in milliseconds since the epoch. */
  | { readonly at: 'time'; readonly time: number };

/**
 * What x-stream-offset asks for: `first`, `last`, `next` (also without the argument), an offset, a timestamp, or
 * a duration before `now`, such as `1h`; texts may come as bytes. Undefined when it is none of these.
 */
export function streamStart(value: FieldValue | undefined, now: number): StreamStart | undefined {
  if (value === undefined) return { at: 'next' };
  if (value.tag === 'T') return { at: 'time', time: Number(value.value) * 1000 };
  const offset = integerOf(value);
  if (offset !== undefined) return { at: 'offset', offset: Number(offset) };
  const text = textOf(value);
  if (text === 'first' || text === 'last' || text === 'next') return { at: text };
  const ms = durationMs(text ?? '');
  return ms === undefined ? undefined : { at: 'time', time: now - ms };
}

/** What RabbitMQ has to say against an x-stream-offset, as an Erlang term. */
export function offsetArgumentFault(value: FieldValue): string | undefined {
  if (streamStart(value, 0) !== undefined) return undefined;
  return `{invalid_stream_offset_arg,{${typeName(value)},${erlangTerm(value)}}}`;
}
