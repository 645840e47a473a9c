import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { skipValue } from '../../protocol/field-table-codec.ts';
import { typeName } from '../../protocol/field-value.ts';
import { rewriteProperties } from '../../protocol/properties.ts';
import { decodeText } from '../../protocol/text.ts';
import type { Message } from '../message.ts';

/**
 * Headers in which a publisher names further routing keys (RabbitMQ page "Sender-selected Distribution").
 * The second stays in the queued record, for dead-lettering, and is taken off before anybody sees it.
 */
export const copyHeader = 'CC';
export const blindCopyHeader = 'BCC';
const [letterB, letterC] = [0x42, 0x43];

/**
 * Looks for the two without decoding the headers, of which there must be some. This happens for every
 * publish with headers.
 *
 * @throws AmqpError 501 when the headers are malformed
 */
export function hasCopyHeaders({ frames, scan: { headersStart, headersEnd } }: Message): boolean {
  let at = headersStart;
  while (at < headersEnd) {
    const length = frames[at] ?? 0;
    const end = at + 1 + length;
    if (length === 2 || length === 3) {
      const isCopy = frames[end - 1] === letterC && frames[end - 2] === letterC;
      if (isCopy && (length === 2 || frames[at + 1] === letterB)) return true;
    }
    at = skipValue(frames, end, headersEnd);
  }
  return false;
}

/**
 * The routing key of a message and those in CC and BCC, whose presence it notes.
 *
 * @throws AmqpError 406 when one of them is no array
 */
export function routingKeysOf(message: Message): readonly string[] {
  const { headers } = message;
  const copies = headerKeys(headers, copyHeader);
  const blindCopies = headerKeys(headers, blindCopyHeader);
  message.hasBlindCopies = headers?.has(blindCopyHeader) ?? false;
  return [message.routingKey, ...copies, ...blindCopies];
}

/** The message as everybody else sees it, in memory of its own if it has blind copies. */
export function withoutBlindCopies(message: Message): Message {
  const { headers, frames, propertiesStart, propertiesEnd } = message;
  if (!message.hasBlindCopies || headers === undefined) return message;
  const seen = message.copy();
  const changes = { headers: headers.without(blindCopyHeader) };
  seen.replaceProperties(rewriteProperties(frames, propertiesStart, propertiesEnd, changes));
  seen.hasBlindCopies = false;
  return seen;
}

/** The keys in one of the headers. Only long strings count; what else is in the array is ignored. */
export function headerKeys(headers: FieldTable | undefined, header: string): readonly string[] {
  const value = headers?.get(header);
  if (value === undefined) return [];
  if (value.tag !== 'A') {
    const text = `invalid message: {unacceptable_type_in_header,"${header}",${typeName(value)}}`;
    throw new AmqpError(ReplyCode.PreconditionFailed, text);
  }
  return value.value.flatMap((element) =>
    element.tag === 'S' ? [decodeText(element.value, 0, element.value.length)] : [],
  );
}
