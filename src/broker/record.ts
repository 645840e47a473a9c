/**
 * Layout of a record: one message as bytes, the same in memory, on disk and between nodes. Records lie end
 * to end. All numbers are big-endian; times are milliseconds since the epoch.
 */

/** Bytes of the fixed header at the start of every record. */
export const RECORD_HEADER_BYTES = 28;

/** Offsets of the header's fields. */
export const RecordOffset = {
  /** u32: bytes of the whole record, header included. */
  Size: 0,
  /** u32: low half of the sequence number. */
  SequenceLow: 4,
  /** u48: when the message entered the queue. */
  EnqueuedAt: 8,
  /** u16: bytes of the tail. */
  TailLength: 14,
  /** u48: when the message expires; 0 means never. */
  ExpiresAt: 16,
  /** u8: see {@link RecordFlag}. */
  Flags: 22,
  /** u8: the message's priority. */
  Priority: 23,
  /** u32: bytes of the body. */
  BodySize: 24,
} as const;

/** Bits of the flags byte. */
export const RecordFlag = {
  /** The message survives a restart. */
  Persistent: 1,
} as const;
