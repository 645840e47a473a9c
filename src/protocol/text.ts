/**
 * Strings on the wire. AMQP says UTF-8; clients put raw bytes (a binary UUID as correlation id) where
 * nobody checks. There {@link decodeText} keeps each stray byte as a lone surrogate U+DC80..U+DCFF and
 * {@link encodeText} turns it back, so that decoding and encoding again never changes a message.
 */

import { isUtf8 } from 'node:buffer';

const loneSurrogate = /\p{Surrogate}/u;
const strayByteBase = 0xdc00;

function isAscii(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if ((buffer[at] ?? 0) > 0x7f) return false;
  }
  return true;
}

/** The string in buffer[start,end), or `undefined` if the bytes are not UTF-8. */
export function decodeUtf8(buffer: Buffer, start: number, end: number): string | undefined {
  if (isAscii(buffer, start, end)) return buffer.toString('latin1', start, end);
  if (!isUtf8(buffer.subarray(start, end))) return undefined;
  return buffer.toString('utf8', start, end);
}

/** The string in buffer[start,end), stray bytes kept as lone surrogates. */
export function decodeText(buffer: Buffer, start: number, end: number): string {
  return decodeUtf8(buffer, start, end) ?? decodeEscaped(buffer, start, end);
}

/** UTF-8, with what {@link decodeText} kept as lone surrogates turned back into the bytes they were. */
export function encodeText(text: string): Buffer {
  if (!loneSurrogate.test(text)) return Buffer.from(text);
  const parts: Buffer[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const stray = code >= strayByteBase + 0x80 && code <= strayByteBase + 0xff;
    parts.push(stray ? Buffer.of(code - strayByteBase) : Buffer.from(character));
  }
  return Buffer.concat(parts);
}

function decodeEscaped(buffer: Buffer, start: number, end: number): string {
  let text = '';
  let at = start;
  while (at < end) {
    const length = characterLength(buffer, at, end);
    if (length === 0) {
      text += String.fromCharCode(strayByteBase + (buffer[at] ?? 0));
      at++;
    } else {
      text += buffer.toString('utf8', at, at + length);
      at += length;
    }
  }
  return text;
}

/** Bytes of the UTF-8 character at `at`, 0 if there is none. */
function characterLength(buffer: Buffer, at: number, end: number): number {
  const first = buffer[at] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return at + length <= end && isUtf8(buffer.subarray(at, at + length)) ? length : 0;
}
