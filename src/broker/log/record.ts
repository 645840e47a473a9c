/**
 * A record: one message as bytes, the same in memory, on disk and between nodes.
 *
 *     header (28 bytes, below) | exchange, routing key (short strings), frame end
 *     | content header frame | body frame (absent when the body is empty)
 *
 * What follows the header is what basic.deliver ends with, so a delivery is one copy in which only the
 * channel numbers are patched. The body is kept as one frame whatever its size; a consumer with a
 * smaller frame-max gets it cut. All numbers are big-endian; times are milliseconds since the epoch.
 *
 * A record is never changed once it is appended: its bytes may be on their way to disk.
 */

/** Bytes of the fixed header at the start of every record. */
export const recordHeaderBytes = 28;

/** Offsets of the header's fields. */
export const RecordOffset = {
  /** u32: bytes of the whole record, header included. Records lie end to end. */
  Size: 0,
  /** u32: low half of the sequence number, a check that the record is where it belongs. */
  SequenceLow: 4,
  /** u48: when the message entered the queue. */
  EnqueuedAt: 8,
  /** u16: bytes of exchange, routing key and frame end. */
  AddressSize: 14,
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
  /** The message was published with delivery mode 2, or its queue keeps every message. */
  Persistent: 1,
  /** There is a BCC header: it routes the message if it is dead-lettered, and is taken off on every way out. */
  BlindCopies: 2,
  /** A quorum queue put the message here, behind all others, because a consumer gave it back. */
  Returned: 4,
} as const;
