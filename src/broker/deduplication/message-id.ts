import { decodeValue, findHeader, skipValue } from '../../protocol/field-table-codec.ts';
import { integerOf } from '../../protocol/field-value.ts';
import { type Hash, hashBytes } from '../hash.ts';
import type { Message } from '../message.ts';

const [longString, byteArray, nothing] = [0x53, 0x78, 0x56];
const lengthBytes = 4;

/** Told apart: the text "1", the number 1, and anything else that has the same bytes. */
const kinds = { text: 0, integer: 1, other: 2 };

/**
 * Hashes the id that a publisher has given a message in a header. The width of an integer plays no part, as in
 * RabbitMQ. False: it has none.
 *
 * @throws AmqpError 501 when the headers are malformed
 */
export function hashMessageId(message: Message, header: Buffer, into: Hash): boolean {
  const { frames, scan } = message;
  if (scan.headersEnd === 0) return false;
  const at = findHeader(frames, scan.headersStart, scan.headersEnd, header);
  if (at < 0 || frames[at] === nothing) return false;
  const end = skipValue(frames, at, scan.headersEnd);
  if (frames[at] === longString || frames[at] === byteArray) {
    hashAs(kinds.text, frames, at + 1 + lengthBytes, end, into);
    return true;
  }
  const integer = integerOf(decodeValue(frames, at, end));
  if (integer === undefined) hashAs(kinds.other, frames, at, end, into);
  else {
    const digits = Buffer.from(String(integer));
    hashAs(kinds.integer, digits, 0, digits.length, into);
  }
  return true;
}

function hashAs(kind: number, bytes: Buffer, start: number, end: number, into: Hash): void {
  hashBytes(bytes, start, end, into);
  into[0] = (into[0] ?? 0) ^ kind;
}
