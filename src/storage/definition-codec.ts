import type { JsonValue } from '../broker/store.ts';

/**
 * The key of a definition: its parts in UTF-8, each ended by a zero byte; a zero byte inside a part is
 * followed by 0xff. So bytewise order is order part by part, and no part can imitate another.
 */
const PART_END = 0;
const ESCAPED_ZERO = 0xff;

/** LMDB's longest key, in bytes. */
export const DEFINITION_KEY_BYTES_MAX = 1978;

/** @throws RangeError when the key is empty or longer than {@link DEFINITION_KEY_BYTES_MAX} bytes. */
export function encodeDefinitionKey(parts: readonly string[]): Buffer {
  const bytes: number[] = [];
  for (const part of parts) {
    for (const byte of Buffer.from(part)) {
      bytes.push(byte);
      if (byte === PART_END) bytes.push(ESCAPED_ZERO);
    }
    bytes.push(PART_END);
  }
  if (bytes.length === 0 || bytes.length > DEFINITION_KEY_BYTES_MAX) {
    throw new RangeError(
      `the names of a ${parts[0] ?? 'definition'} take ${bytes.length} bytes, at most ${DEFINITION_KEY_BYTES_MAX} can be stored`,
    );
  }
  return Buffer.from(bytes);
}

export function decodeDefinitionKey(key: Uint8Array): string[] {
  const parts: string[] = [];
  let part: number[] = [];
  for (let i = 0; i < key.length; i++) {
    const byte = key[i] ?? 0;
    if (byte !== PART_END) {
      part.push(byte);
    } else if (key[i + 1] === ESCAPED_ZERO) {
      part.push(PART_END);
      i++;
    } else {
      parts.push(Buffer.from(part).toString());
      part = [];
    }
  }
  return parts;
}

export function encodeDefinitionValue(value: JsonValue): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** @throws SyntaxError when the row is damaged. */
export function decodeDefinitionValue(row: Buffer): JsonValue {
  return JSON.parse(row.toString());
}
