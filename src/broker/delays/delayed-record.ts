import { RecordFlag } from '../log/record.ts';
import { recordBytes, writeRecord } from '../log/record-bytes.ts';
import { Message } from '../message.ts';
import { RecordArena } from './record-arena.ts';

const arena = new RecordArena();

/** A message as a record of its own, which belongs to no log; for the times see `RecordOffset`. */
export function recordOf(message: Message, enqueuedAt: number, expiresAt: number): Buffer {
  const record = arena.take(recordBytes(message));
  const flags = message.hasBlindCopies ? RecordFlag.BlindCopies : 0;
  writeRecord(record, 0, message, 0, enqueuedAt, expiresAt, flags);
  return record;
}

/** The message of a {@link recordOf record}: a view of its bytes. */
export function recordMessage(record: Buffer): Message {
  return Message.fromRecord(record, 0, record.length);
}
