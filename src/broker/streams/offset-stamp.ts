import { PropertyFlag } from '../../protocol/basic-properties.ts';
import { copyBytes, putUint32, uint32At } from '../../protocol/bytes.ts';
import { findHeader } from '../../protocol/field-table.ts';
import { framePrefixBytes } from '../../protocol/frame-reader.ts';
import { propertiesOffset, rewriteProperties } from '../../protocol/properties.ts';
import { Message } from '../message.ts';

const offsetHeader = 'x-stream-offset';
const offsetKey = Buffer.from(offsetHeader);

/** The header as it stands in a table: name, `l` for a long, eight octets. */
const entry = Buffer.concat([Buffer.from([offsetKey.length]), offsetKey, Buffer.from('l'), Buffer.alloc(8)]);

/** What a message needs that has no headers yet: the length of the table, then the entry. */
const tableBytes = 4 + entry.length;

/** Larger messages are stamped in memory of their own. */
const scratchBytes = 64 * 1024;

/**
 * Writes into messages which offset they get, before they are appended to a stream: what consumers are to see in
 * the header x-stream-offset is part of the record from the beginning, and a delivery is a copy as from any queue.
 */
export class OffsetStamp {
  readonly #message = new Message();
  #scratch: Buffer | undefined;

  /** The message with that offset in its headers, valid until the next call. */
  stamped(message: Message, offset: number): Message {
    const { scan } = message;
    if (scan.headersEnd === 0) return this.#spliced(message, offset, placeOfHeaders(message));
    const { headersStart, headersEnd } = scan;
    if (findHeader(message.frames, headersStart, headersEnd, offsetKey) < 0)
      return this.#spliced(message, offset, headersEnd);
    return this.stamped(withoutOffset(message), offset);
  }

  /** Puts the header in at `place`, an offset into the frames: the end of the headers, or where they belong. */
  #spliced(message: Message, offset: number, place: number): Message {
    const { frames, framesStart, framesEnd, bodySize, scan } = message;
    const hasHeaders = scan.headersEnd !== 0;
    const extra = hasHeaders ? entry.length : tableBytes;
    const out = this.#space(framesEnd - framesStart + extra);
    let at = copyBytes(frames, framesStart, place, out, 0);
    if (hasHeaders) {
      putUint32(out, scan.headersStart - 4 - framesStart, scan.headersEnd - scan.headersStart + entry.length);
    } else {
      at = putUint32(out, at, entry.length);
    }
    at = copyBytes(entry, 0, entry.length - 8, out, at);
    at = putUint32(out, at, Math.floor(offset / 2 ** 32));
    at = putUint32(out, at, offset >>> 0);
    at = copyBytes(frames, place, framesEnd, out, at);
    const headerSize = uint32At(frames, framesStart + 3) + extra;
    putUint32(out, 3, headerSize);
    out.writeUInt16BE(scan.flags | PropertyFlag.Headers, framePrefixBytes + propertiesOffset);
    const stamped = this.#message;
    stamped.setAddress(
      message.address,
      message.addressStart,
      message.addressEnd,
      message.exchange,
      message.routingKey,
    );
    stamped.setFrames(out, 0, at, headerSize, bodySize);
    stamped.hasBlindCopies = message.hasBlindCopies;
    return stamped;
  }

  #space(bytes: number): Buffer {
    if (bytes > scratchBytes) return Buffer.allocUnsafeSlow(bytes);
    this.#scratch ??= Buffer.allocUnsafeSlow(scratchBytes);
    return this.#scratch;
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
