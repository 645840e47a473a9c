/**
 * The content header: class 60, weight, body size, property list (specification, section 4.2.6.1).
 *
 * A message's header travels through the broker undecoded. {@link scanProperties} finds in it the few
 * things routing and queueing want to know; {@link rewriteProperties} changes a few properties and leaves
 * every other byte alone.
 */

import { PropertyFlag } from './basic-properties.ts';
import { undecodable } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import type { FieldTable } from './field-table.ts';
import { writeTable } from './field-table-codec.ts';

/** The class of all content: basic. */
export const basicClassId = 60;

/** Offset of the property list in a content header: after class id, weight and body size. */
export const propertiesOffset = 12;

/** delivery-mode of a message that survives a restart. */
export const persistentDeliveryMode = 2;

/** The fixed part of a content header. */
export interface ContentHeader {
  readonly classId: number;
  /** Must be 0; whoever assembles content checks it. */
  readonly weight: number;
  /** Bytes of body that follow. Above 2^53 it is rounded. */
  readonly bodySize: number;
}

/** The fixed part of a content header in buffer[start,end). The frame reader hands out no shorter ones. */
export function decodeContentHeader(buffer: Buffer, start: number, end: number): ContentHeader {
  if (end - start < propertiesOffset) throw undecodable(buffer, start, end);
  return {
    classId: buffer.readUInt16BE(start),
    weight: buffer.readUInt16BE(start + 2),
    bodySize: buffer.readUInt32BE(start + 4) * 0x1_0000_0000 + buffer.readUInt32BE(start + 8),
  };
}

/** Appends the part of the content header that stands before the property list. */
export function writeContentHeaderStart(writer: ByteWriter, bodySize: number): void {
  writer.uint32(basicClassId << 16);
  writer.uint64(bodySize);
}

/**
 * What the data path needs of a property list. Made once and filled again and again.
 *
 * Offsets are into the buffer that was scanned. Where a property is absent its start and end are both 0.
 */
export class PropertyScan {
  /** {@link PropertyFlag} bits. */
  flags = 0;
  /** 0 if absent. */
  deliveryMode = 0;
  /** 0 if absent; the flags tell that from a priority of 0. */
  priority = 0;
  /** The entries, without the four octets of length before them: as decodeTable and findHeader want it. */
  headersStart = 0;
  headersEnd = 0;
  /** The text, without the octet of length before it. */
  expirationStart = 0;
  expirationEnd = 0;
  replyToStart = 0;
  replyToEnd = 0;
  userIdStart = 0;
  userIdEnd = 0;
}

/**
 * Walks the property list (flags and values) in buffer[start,end) without allocating. Throws AmqpError 501
 * if the lengths in it do not add up; the contents of the headers table are not looked at, and undefined
 * flags are ignored, as in RabbitMQ.
 */
export function scanProperties(buffer: Buffer, start: number, end: number, into: PropertyScan): void {
  const flags = ((buffer[start] ?? 0) << 8) | (buffer[start + 1] ?? 0);
  if (into.flags & offsetFlags) clearOffsets(into);
  into.flags = flags;
  into.priority = 0;
  if (flags === PropertyFlag.DeliveryMode && end - start === 3) {
    into.deliveryMode = buffer[start + 2] ?? 0;
    return;
  }
  into.deliveryMode = 0;
  if (end - start < 2) throw undecodable(buffer, start, end);
  if (walk(buffer, start + 2, end, flags, into) !== end) throw undecodable(buffer, start, end);
}

/** Properties for which a scan holds offsets. */
const offsetFlags =
  PropertyFlag.Headers | PropertyFlag.Expiration | PropertyFlag.ReplyTo | PropertyFlag.UserId;

function clearOffsets(scan: PropertyScan): void {
  scan.headersStart = 0;
  scan.headersEnd = 0;
  scan.expirationStart = 0;
  scan.expirationEnd = 0;
  scan.replyToStart = 0;
  scan.replyToEnd = 0;
  scan.userIdStart = 0;
  scan.userIdEnd = 0;
}

/**
 * Notes the properties and returns the offset after the last one, beyond `end` if they do not fit.
 * Reading past `end` is harmless: the result tells, and reading past the buffer gives 0.
 */
function walk(buffer: Buffer, start: number, end: number, flags: number, into: PropertyScan): number {
  let at = start;
  if (flags & PropertyFlag.ContentType) at += 1 + (buffer[at] ?? 0);
  if (flags & PropertyFlag.ContentEncoding) at += 1 + (buffer[at] ?? 0);
  if (flags & PropertyFlag.Headers) {
    if (at + 4 > end) return end + 1;
    into.headersStart = at + 4;
    at += 4 + buffer.readUInt32BE(at);
    into.headersEnd = at;
  }
  if (flags & PropertyFlag.DeliveryMode) into.deliveryMode = buffer[at++] ?? 0;
  if (flags & PropertyFlag.Priority) into.priority = buffer[at++] ?? 0;
  if (flags & PropertyFlag.CorrelationId) at += 1 + (buffer[at] ?? 0);
  if (flags & PropertyFlag.ReplyTo) {
    into.replyToStart = at + 1;
    at += 1 + (buffer[at] ?? 0);
    into.replyToEnd = at;
  }
  if (flags & PropertyFlag.Expiration) {
    into.expirationStart = at + 1;
    at += 1 + (buffer[at] ?? 0);
    into.expirationEnd = at;
  }
  if (flags & PropertyFlag.MessageId) at += 1 + (buffer[at] ?? 0);
  if (flags & PropertyFlag.Timestamp) at += 8;
  if (flags & PropertyFlag.Type) at += 1 + (buffer[at] ?? 0);
  if (flags & PropertyFlag.UserId) {
    into.userIdStart = at + 1;
    at += 1 + (buffer[at] ?? 0);
    into.userIdEnd = at;
  }
  if (flags & PropertyFlag.AppId) at += 1 + (buffer[at] ?? 0);
  if (flags & PropertyFlag.ClusterId) at += 1 + (buffer[at] ?? 0);
  return at;
}

/** Where the value of a property stands in a list that has been scanned; both 0 if it is absent. */
export function findProperty(
  buffer: Buffer,
  start: number,
  end: number,
  flag: number,
): { readonly start: number; readonly end: number } {
  const flags = buffer.readUInt16BE(start);
  if ((flags & flag) === 0) return { start: 0, end: 0 };
  const values = start + 2;
  const scan = new PropertyScan();
  return {
    start: placeFor(flag, buffer, values, end, flags),
    end: walk(buffer, values, end, flags & (flagsBefore(flag) | flag), scan),
  };
}

/** `undefined` removes the property; what is not named stays as it is. */
export interface PropertyChanges {
  readonly headers?: FieldTable | undefined;
  readonly replyTo?: string | undefined;
  readonly expiration?: string | undefined;
}

/**
 * A copy of the property list in buffer[start,end) with the changes made, all other bytes as they were.
 * Throws AmqpError 501 if the list is malformed.
 */
export function rewriteProperties(
  buffer: Buffer,
  start: number,
  end: number,
  changes: PropertyChanges,
): Buffer {
  const scan = new PropertyScan();
  scanProperties(buffer, start, end, scan);
  const writer = new ByteWriter(end - start + 64);
  let flags = scan.flags;
  let copied = start + 2;
  writer.uint16(0);
  // Called in the order in which the properties stand in the list.
  const replace = (flag: number, oldStart: number, oldEnd: number, write: (() => void) | undefined): void => {
    const isPresent = (scan.flags & flag) !== 0;
    const at = isPresent ? oldStart : placeFor(flag, buffer, start + 2, end, scan.flags);
    writer.raw(buffer, copied, at);
    copied = isPresent ? oldEnd : at;
    flags = write === undefined ? flags & ~flag : flags | flag;
    write?.();
  };
  const { headers, replyTo, expiration } = changes;
  if ('headers' in changes) {
    const write = headers === undefined ? undefined : () => writeTable(writer, headers);
    replace(PropertyFlag.Headers, scan.headersStart - 4, scan.headersEnd, write);
  }
  if ('replyTo' in changes) {
    const write = replyTo === undefined ? undefined : () => writer.shortString(replyTo);
    replace(PropertyFlag.ReplyTo, scan.replyToStart - 1, scan.replyToEnd, write);
  }
  if ('expiration' in changes) {
    const write = expiration === undefined ? undefined : () => writer.shortString(expiration);
    replace(PropertyFlag.Expiration, scan.expirationStart - 1, scan.expirationEnd, write);
  }
  writer.raw(buffer, copied, end);
  const result = writer.bytes();
  result.writeUInt16BE(flags, 0);
  return result;
}

/** Flags of the properties that stand before `flag` in the list. */
function flagsBefore(flag: number): number {
  return 0xffff & ~((flag << 1) - 1);
}

/** Where a property with this flag belongs in a list that is known to be well-formed and lacks it. */
function placeFor(flag: number, buffer: Buffer, start: number, end: number, flags: number): number {
  return walk(buffer, start, end, flags & flagsBefore(flag), new PropertyScan());
}
