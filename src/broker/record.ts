/**
 * A record: one message as bytes, the same in memory, on disk and between nodes.
 *
 *     header (28 bytes, below) | exchange, routing key (short strings), frame end
 *     | content header frame | body frame (absent when the body is empty)
 *
 * What follows the header is what basic.deliver ends with, so a delivery is one copy in which only the
 * channel numbers are patched. The body is kept as one frame whatever its size; a consumer with a
 * smaller frame-max gets it cut.
 *
 * A record is never changed once it is appended: its bytes may be on their way to disk.
 */

/** u32: bytes of the whole record. Records lie end to end. */
export const SIZE = 0;
/** u32: low half of the sequence number, a check that the record is where it belongs. */
export const SEQUENCE_LOW = 4;
/** u48: milliseconds since the epoch. */
export const ENQUEUED_AT = 8;
/** u16: bytes of exchange, routing key and frame end. */
export const ADDRESS_SIZE = 14;
/** u48: milliseconds since the epoch, 0 = never. */
export const EXPIRES_AT = 16;
/** u8: see {@link PERSISTENT}. */
export const FLAGS = 22;
/** u8 */
export const PRIORITY = 23;
/** u32 */
export const BODY_SIZE = 24;
export const RECORD_HEADER_BYTES = 28;

/** Flag: the message was published with delivery mode 2. */
export const PERSISTENT = 1;
