import { PropertyFlag } from '../protocol/basic-properties.ts';
import { ByteReader } from '../protocol/byte-reader.ts';
import type { Message } from './message.ts';

/** The property `timestamp`: seconds since 1970, as a rule. Headers, which may be unreadable, are not looked at. */
export function timestampOf(message: Message | undefined): number | undefined {
  if (message === undefined) return undefined;
  const { frames, propertiesStart, propertiesEnd, scan } = message;
  if ((scan.flags & PropertyFlag.Timestamp) === 0) return undefined;
  const { ContentType, ContentEncoding, DeliveryMode, Priority } = PropertyFlag;
  const { CorrelationId, ReplyTo, Expiration, MessageId } = PropertyFlag;
  const hasHeaders = scan.headersEnd !== 0;
  const reader = new ByteReader(frames, hasHeaders ? scan.headersEnd : propertiesStart + 2, propertiesEnd);
  const has = (flag: number): boolean => (scan.flags & flag) !== 0;
  if (!hasHeaders) for (const flag of [ContentType, ContentEncoding]) if (has(flag)) reader.rawShortString();
  for (const flag of [DeliveryMode, Priority]) if (has(flag)) reader.uint8();
  for (const flag of [CorrelationId, ReplyTo, Expiration, MessageId]) if (has(flag)) reader.rawShortString();
  return Number(reader.bigUint64());
}
