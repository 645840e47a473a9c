import { PropertyFlag } from '../../protocol/basic-properties.ts';
import { copyBytes, putUint32, uint32At } from '../../protocol/bytes.ts';
import { findHeader } from '../../protocol/field-table-codec.ts';
import { framePrefixBytes } from '../../protocol/frame-reader.ts';
import { propertiesOffset, rewriteProperties } from '../../protocol/properties.ts';
import type { FrameStamp } from '../log/record-bytes.ts';
import type { Message } from '../message.ts';

const offsetHeader = 'x-stream-offset';
const offsetKey = Buffer.from(offsetHeader);

/** The header as it stands in a table: name, `l` for a long, eight octets. */
const entry = Buffer.concat([Buffer.from([offsetKey.length]), offsetKey, Buffer.from('l'), Buffer.alloc(8)]);

/** What a message needs that has no headers yet: the length of the table, then the entry. */
const tableBytes = 4 + entry.length;

/**
 * Writes into messages which offset they get, while they are appended to a stream: what consumers are to see in
 * the header x-stream-offset is part of the record from the beginning, and a delivery is a copy as from any queue.
 */
export class OffsetStamp implements FrameStamp {
  /** Of the message that is prepared. */
  extraBytes = 0;
  #offset = 0;
  /** Where the header goes: the end of the headers, or where they belong. */
  #place = 0;

  /** Gets ready for a message with that offset. Returns what is to be appended: itself, or without its old offset. */
  prepare(message: Message, offset: number): Message {
    const { headersStart, headersEnd } = message.scan;
    this.#offset = offset;
    if (headersEnd === 0) {
      this.extraBytes = tableBytes;
      this.#place = placeOfHeaders(message);
      return message;
    }
    if (findHeader(message.frames, headersStart, headersEnd, offsetKey) >= 0)
      return this.prepare(withoutOffset(message), offset);
    this.extraBytes = entry.length;
    this.#place = headersEnd;
    return message;
  }

  write({ frames, framesStart, framesEnd, scan }: Message, into: Buffer, start: number): number {
    let at = copyBytes(frames, framesStart, this.#place, into, start);
    if (scan.headersEnd === 0) {
      at = putUint32(into, at, entry.length);
    } else {
      const tableAt = start + scan.headersStart - 4 - framesStart;
      putUint32(into, tableAt, scan.headersEnd - scan.headersStart + entry.length);
    }
    at = copyBytes(entry, 0, entry.length - 8, into, at);
    at = putUint32(into, at, Math.floor(this.#offset / 2 ** 32));
    at = putUint32(into, at, this.#offset >>> 0);
    at = copyBytes(frames, this.#place, framesEnd, into, at);
    putUint32(into, start + 3, uint32At(frames, framesStart + 3) + this.extraBytes);
    const flags = scan.flags | PropertyFlag.Headers;
    const flagsAt = start + framePrefixBytes + propertiesOffset;
    into[flagsAt] = flags >>> 8;
    into[flagsAt + 1] = flags;
    return at;
  }
}

/** Behind content-type and content-encoding, which come first. */
function placeOfHeaders({ frames, propertiesStart, scan: { flags } }: Message): number {
  let at = propertiesStart + 2;
  if (flags & PropertyFlag.ContentType) at += 1 + (frames[at] ?? 0);
  if (flags & PropertyFlag.ContentEncoding) at += 1 + (frames[at] ?? 0);
  return at;
}

/** A message that came out of a stream says where it stood there. */
function withoutOffset(message: Message): Message {
  const { frames, propertiesStart, propertiesEnd, headers } = message;
  const changes = { headers: headers?.without(offsetHeader) };
  const other = message.copy();
  other.replaceProperties(rewriteProperties(frames, propertiesStart, propertiesEnd, changes));
  return other;
}
