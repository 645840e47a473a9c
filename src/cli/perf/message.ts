import { writeProperties } from '../../protocol/basic-properties.ts';
import { ByteWriter } from '../../protocol/byte-writer.ts';
import { FrameType, frameEnd, frameOverhead } from '../../protocol/frame-reader.ts';
import { encodeBasicPublish } from '../../protocol/methods.ts';
import { persistentDeliveryMode, writeContentHeaderStart } from '../../protocol/properties.ts';

/**
 * What every body starts with: six bytes of send time in microseconds, two of the run, two of the
 * producer, six of its sequence number. Times are only good within the process that wrote them.
 */
export const stampBytes = 16;
const runOffset = 6;
const producerOffset = 8;
const sequenceOffset = 10;

/** Writes the first 14 of the {@link stampBytes}. `run` and `producer` are below 2 ** 16. */
export function writeStamp(
  buffer: Buffer,
  at: number,
  nowUs: number,
  run: number,
  producer: number,
  sequence: number,
): void {
  buffer.writeUIntBE(nowUs, at, 6);
  buffer.writeUInt16BE(run, at + runOffset);
  buffer.writeUInt16BE(producer, at + producerOffset);
  buffer.writeUIntBE(sequence, at + sequenceOffset, 6);
}

/** When the message was sent, by {@link nowUs}. */
export const stampTimeUs = (buffer: Buffer, at: number): number => buffer.readUIntBE(at, 6);
/** The run that it is from: a queue may hold messages of an earlier one. */
export const stampRun = (buffer: Buffer, at: number): number => buffer.readUInt16BE(at + runOffset);
/** Number of the producer within the run, from 0. */
export const stampProducer = (buffer: Buffer, at: number): number => buffer.readUInt16BE(at + producerOffset);
/** Number of the message among those of its producer. */
export const stampSequence = (buffer: Buffer, at: number): number =>
  buffer.readUIntBE(at + sequenceOffset, 6);

/** Microseconds of a clock that never goes back. */
export const nowUs = (): number => Math.floor(performance.now() * 1000);

/** All frames of one message, to be copied as often as it is published. */
export interface MessageTemplate {
  readonly bytes: Buffer;
  /** Where in `bytes` the body, and with it the stamp, begins. */
  readonly stampAt: number;
}

/**
 * The frames of a publish, its body cut into as many as `frameMaxBytes` (which counts the frame's 8 bytes, too) takes.
 * The body has room for a stamp: at least {@link stampBytes}.
 */
export function messageTemplate(message: {
  channel: number;
  exchange: string;
  routingKey: string;
  bodyBytes: number;
  persistent: boolean;
  frameMaxBytes: number;
}): MessageTemplate {
  const writer = new ByteWriter();
  frame(writer, FrameType.Method, message.channel, () =>
    encodeBasicPublish(writer, message.exchange, message.routingKey, false, false),
  );
  frame(writer, FrameType.Header, message.channel, () => {
    writeContentHeaderStart(writer, message.bodyBytes);
    writeProperties(writer, message.persistent ? { deliveryMode: persistentDeliveryMode } : {});
  });
  const stampAt = writer.length + frameOverhead - 1;
  const pieceBytes = message.frameMaxBytes - frameOverhead;
  for (let left = message.bodyBytes; left > 0; left -= pieceBytes) {
    frame(writer, FrameType.Body, message.channel, () =>
      writer.raw(Buffer.alloc(Math.min(left, pieceBytes), 0x2e)),
    );
  }
  return { bytes: writer.bytes(), stampAt };
}

/** Appends a frame with the payload that `writePayload` appends. */
export function frame(writer: ByteWriter, type: number, channel: number, writePayload: () => void): void {
  writer.uint8(type);
  writer.uint16(channel);
  const sizeAt = writer.length;
  writer.uint32(0);
  writePayload();
  writer.patchUint32(sizeAt, writer.length - sizeAt - 4);
  writer.uint8(frameEnd);
}
