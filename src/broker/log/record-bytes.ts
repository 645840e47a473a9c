import { copyBytes, putUint32, uint16At, uint32At } from '../../protocol/bytes.ts';
import { frameEnd } from '../../protocol/frame-reader.ts';
import type { Message } from '../message.ts';
import { RecordOffset, recordHeaderBytes } from './record.ts';

/** Frame end behind the address. */
const addressOverheadBytes = 1;

/** Writes the frames of a message into its record with something added to them. */
export interface FrameStamp {
  /** How much longer they get. */
  readonly extraBytes: number;
  /** Returns the offset behind them. */
  write(message: Message, into: Buffer, at: number): number;
}

/** Bytes of the record of a message before its frames. */
export function recordPrefixBytes(message: Message): number {
  return recordHeaderBytes + (message.addressEnd - message.addressStart) + addressOverheadBytes;
}

/** Bytes of the record of a message. */
export function recordBytes(message: Message, stamp?: FrameStamp): number {
  const framesBytes = message.framesEnd - message.framesStart + (stamp === undefined ? 0 : stamp.extraBytes);
  return recordPrefixBytes(message) + framesBytes;
}

/** Writes a message as a record; for times and flags see {@link RecordOffset}. Returns the offset behind it. */
export function writeRecord(
  buffer: Buffer,
  start: number,
  message: Message,
  sequence: number,
  enqueuedAt: number,
  expiresAt: number,
  flags: number,
  stamp?: FrameStamp,
): number {
  let at = start + recordHeaderBytes;
  at = copyBytes(message.address, message.addressStart, message.addressEnd, buffer, at);
  buffer[at++] = frameEnd;
  const addressSize = at - start - recordHeaderBytes;
  if (stamp !== undefined) at = stamp.write(message, buffer, at);
  else if (message.frames === buffer && message.framesStart === at) at = message.framesEnd;
  else at = copyBytes(message.frames, message.framesStart, message.framesEnd, buffer, at);
  putUint32(buffer, start + RecordOffset.Size, at - start);
  putUint32(buffer, start + RecordOffset.SequenceLow, sequence >>> 0);
  writeTime(buffer, start + RecordOffset.EnqueuedAt, enqueuedAt);
  buffer[start + RecordOffset.AddressSize] = addressSize >>> 8;
  buffer[start + RecordOffset.AddressSize + 1] = addressSize;
  writeTime(buffer, start + RecordOffset.ExpiresAt, expiresAt);
  buffer[start + RecordOffset.Flags] = flags;
  buffer[start + RecordOffset.Priority] = message.priority;
  putUint32(buffer, start + RecordOffset.BodySize, message.bodySize);
  return at;
}

const two32 = 2 ** 32;

function writeTime(buffer: Buffer, at: number, time: number): void {
  const high = Math.floor(time / two32);
  buffer[at] = high >>> 8;
  buffer[at + 1] = high;
  putUint32(buffer, at + 2, time >>> 0);
}

/** A time in a record: milliseconds since the epoch. */
export function readTime(buffer: Buffer, at: number): number {
  return uint16At(buffer, at) * two32 + uint32At(buffer, at + 2);
}
