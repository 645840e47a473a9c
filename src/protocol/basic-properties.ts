// Generated from spec/amqp.ts by spec/generate.ts (npm run generate). Change those, not this.

import { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { FieldTable } from './field-table.ts';
import { writeTable } from './field-table-codec.ts';

/** Bits of the property flags, the first two octets of a property list. The two lowest are ignored, as in RabbitMQ. */
export const PropertyFlag = {
  ContentType: 0x8000,
  ContentEncoding: 0x4000,
  Headers: 0x2000,
  DeliveryMode: 0x1000,
  Priority: 0x0800,
  CorrelationId: 0x0400,
  ReplyTo: 0x0200,
  Expiration: 0x0100,
  MessageId: 0x0080,
  Timestamp: 0x0040,
  Type: 0x0020,
  UserId: 0x0010,
  AppId: 0x0008,
  ClusterId: 0x0004,
} as const;

/** Properties of class basic; what is absent was not sent. */
export interface BasicProperties {
  contentType?: string | undefined;
  contentEncoding?: string | undefined;
  headers?: FieldTable | undefined;
  deliveryMode?: number | undefined;
  priority?: number | undefined;
  correlationId?: string | undefined;
  replyTo?: string | undefined;
  expiration?: string | undefined;
  messageId?: string | undefined;
  timestamp?: bigint | undefined;
  type?: string | undefined;
  userId?: string | undefined;
  appId?: string | undefined;
  clusterId?: string | undefined;
}

/** The property list (flags and values) in buffer[start,end). Throws AmqpError 501 if it is malformed. */
export function decodeProperties(buffer: Buffer, start: number, end: number): BasicProperties {
  const reader = new ByteReader(buffer, start, end);
  const flags = reader.uint16();
  const properties: BasicProperties = {};
  if ((flags & PropertyFlag.ContentType) !== 0) properties.contentType = reader.rawShortString();
  if ((flags & PropertyFlag.ContentEncoding) !== 0) properties.contentEncoding = reader.rawShortString();
  if ((flags & PropertyFlag.Headers) !== 0) properties.headers = reader.table();
  if ((flags & PropertyFlag.DeliveryMode) !== 0) properties.deliveryMode = reader.uint8();
  if ((flags & PropertyFlag.Priority) !== 0) properties.priority = reader.uint8();
  if ((flags & PropertyFlag.CorrelationId) !== 0) properties.correlationId = reader.rawShortString();
  if ((flags & PropertyFlag.ReplyTo) !== 0) properties.replyTo = reader.rawShortString();
  if ((flags & PropertyFlag.Expiration) !== 0) properties.expiration = reader.rawShortString();
  if ((flags & PropertyFlag.MessageId) !== 0) properties.messageId = reader.rawShortString();
  if ((flags & PropertyFlag.Timestamp) !== 0) properties.timestamp = reader.bigUint64();
  if ((flags & PropertyFlag.Type) !== 0) properties.type = reader.rawShortString();
  if ((flags & PropertyFlag.UserId) !== 0) properties.userId = reader.rawShortString();
  if ((flags & PropertyFlag.AppId) !== 0) properties.appId = reader.rawShortString();
  if ((flags & PropertyFlag.ClusterId) !== 0) properties.clusterId = reader.rawShortString();
  reader.finish();
  return properties;
}

/** Appends the property list: flags and values. */
export function writeProperties(writer: ByteWriter, properties: BasicProperties): void {
  writer.uint16(
    (properties.contentType === undefined ? 0 : PropertyFlag.ContentType) |
      (properties.contentEncoding === undefined ? 0 : PropertyFlag.ContentEncoding) |
      (properties.headers === undefined ? 0 : PropertyFlag.Headers) |
      (properties.deliveryMode === undefined ? 0 : PropertyFlag.DeliveryMode) |
      (properties.priority === undefined ? 0 : PropertyFlag.Priority) |
      (properties.correlationId === undefined ? 0 : PropertyFlag.CorrelationId) |
      (properties.replyTo === undefined ? 0 : PropertyFlag.ReplyTo) |
      (properties.expiration === undefined ? 0 : PropertyFlag.Expiration) |
      (properties.messageId === undefined ? 0 : PropertyFlag.MessageId) |
      (properties.timestamp === undefined ? 0 : PropertyFlag.Timestamp) |
      (properties.type === undefined ? 0 : PropertyFlag.Type) |
      (properties.userId === undefined ? 0 : PropertyFlag.UserId) |
      (properties.appId === undefined ? 0 : PropertyFlag.AppId) |
      (properties.clusterId === undefined ? 0 : PropertyFlag.ClusterId),
  );
  if (properties.contentType !== undefined) writer.shortString(properties.contentType);
  if (properties.contentEncoding !== undefined) writer.shortString(properties.contentEncoding);
  if (properties.headers !== undefined) writeTable(writer, properties.headers);
  if (properties.deliveryMode !== undefined) writer.uint8(properties.deliveryMode);
  if (properties.priority !== undefined) writer.uint8(properties.priority);
  if (properties.correlationId !== undefined) writer.shortString(properties.correlationId);
  if (properties.replyTo !== undefined) writer.shortString(properties.replyTo);
  if (properties.expiration !== undefined) writer.shortString(properties.expiration);
  if (properties.messageId !== undefined) writer.shortString(properties.messageId);
  if (properties.timestamp !== undefined) writer.bigUint64(properties.timestamp);
  if (properties.type !== undefined) writer.shortString(properties.type);
  if (properties.userId !== undefined) writer.shortString(properties.userId);
  if (properties.appId !== undefined) writer.shortString(properties.appId);
  if (properties.clusterId !== undefined) writer.shortString(properties.clusterId);
}
