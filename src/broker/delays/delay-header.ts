import { AmqpError } from '../../protocol/errors.ts';
import type { FieldValue } from '../../protocol/field-table.ts';
import { decodeValue, findHeader } from '../../protocol/field-table-codec.ts';
import { int32, int64, integerOf } from '../../protocol/field-value.ts';
import { rewriteProperties } from '../../protocol/properties.ts';
import { decodeText } from '../../protocol/text.ts';
import { sortedByName } from '../dead-letters/dead-letter.ts';
import { decodedHeaders } from '../decoded-headers.ts';
import type { Message } from '../message.ts';

/** Header that says for how many milliseconds an x-delayed-message exchange keeps a message. */
export const delayHeader = 'x-delay';
const delayKey = Buffer.from(delayHeader);

/** The longest delay there is, as in the plugin: 49 days and some hours. */
export const delayMsMax = 2 ** 32 - 1;

const int32Min = -(2 ** 31);
const int32Tag = 'I'.charCodeAt(0);

/**
 * For how many milliseconds the message is to be kept; 0: it is routed at once. That is what the plugin makes of
 * a header that is missing, negative, too large or no number.
 */
export function delayMsOf(message: Message): number {
  const delayMs = numberOf(delayValue(message));
  return delayMs > 0 && delayMs <= delayMsMax ? delayMs : 0;
}

function delayValue({ frames, scan: { headersStart, headersEnd } }: Message): FieldValue | undefined {
  if (headersEnd === 0) return undefined;
  try {
    const at = findHeader(frames, headersStart, headersEnd, delayKey);
    return at < 0 ? undefined : decodeValue(frames, at, headersEnd);
  } catch (error) {
    // Nonsense in the headers is for those to refuse who have to read all of them.
    if (error instanceof AmqpError) return undefined;
    throw error;
  }
}

/** Integers of any width, and, as in the plugin, decimal strings and floats, whose fraction does not count. */
function numberOf(value: FieldValue | undefined): number {
  if (value?.tag === 'S') {
    const text = decodeText(value.value, 0, value.value.length);
    return /^[+-]?\d+$/.test(text) ? Number(text) : 0;
  }
  if (value?.tag === 'f' || value?.tag === 'd')
    return Number.isFinite(value.value) ? Math.trunc(value.value) : 0;
  return Number(integerOf(value) ?? 0);
}

/**
 * Makes the delay of a message negative once its time has come, so that no further exchange keeps it again, and
 * consumers can tell. The message is in memory that nobody else reads: most delays are changed in their place.
 */
export function turnDelayRound(message: Message): void {
  const { frames, scan } = message;
  const at = findHeader(frames, scan.headersStart, scan.headersEnd, delayKey);
  if (frames[at] === int32Tag) frames.writeInt32BE(-frames.readInt32BE(at + 1), at + 1);
  else message.replaceProperties(propertiesAfterDelay(message));
}

function propertiesAfterDelay(message: Message): Buffer {
  const { frames, propertiesStart, propertiesEnd } = message;
  const delayMs = delayMsOf(message);
  const value = -delayMs < int32Min ? int64(-delayMs) : int32(-delayMs);
  const headers = decodedHeaders(message)?.with(delayHeader, value);
  return rewriteProperties(frames, propertiesStart, propertiesEnd, {
    headers: headers && sortedByName(headers),
  });
}
