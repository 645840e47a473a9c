/**
 * Whole frames, written plainly: for the handshake, for replies and for clients. The data path, which
 * delivers from records, patches its frames by itself.
 */

import { type BasicProperties, writeProperties } from './basic-properties.ts';
import type { ByteWriter } from './byte-writer.ts';
import { FrameType, frameEnd, frameOverhead } from './frame-reader.ts';
import { encodeMethod, type Method } from './methods.ts';
import { writeContentHeaderStart } from './properties.ts';

/** Starts a frame whose payload the caller appends; the result goes to {@link endFrame}. */
export function beginFrame(writer: ByteWriter, type: number, channel: number): number {
  writer.uint8(type);
  writer.uint16(channel);
  writer.uint32(0);
  return writer.length;
}

/** Ends the frame whose payload began at `payloadStart`. */
export function endFrame(writer: ByteWriter, payloadStart: number): void {
  writer.patchUint32(payloadStart - 4, writer.length - payloadStart);
  writer.uint8(frameEnd);
}

/** A whole method frame. */
export function writeMethodFrame(writer: ByteWriter, channel: number, method: Method): void {
  const start = beginFrame(writer, FrameType.Method, channel);
  encodeMethod(writer, method);
  endFrame(writer, start);
}

/** The frames that follow a method with content. `frameMax` is what was agreed on, 0 for no limit. */
export function writeContentFrames(
  writer: ByteWriter,
  channel: number,
  properties: BasicProperties,
  body: Buffer,
  frameMax: number,
): void {
  const header = beginFrame(writer, FrameType.Header, channel);
  writeContentHeaderStart(writer, body.length);
  writeProperties(writer, properties);
  endFrame(writer, header);
  const payloadMax = frameMax === 0 ? body.length : frameMax - frameOverhead;
  for (let at = 0; at < body.length; at += payloadMax) {
    const start = beginFrame(writer, FrameType.Body, channel);
    writer.raw(body, at, Math.min(at + payloadMax, body.length));
    endFrame(writer, start);
  }
}

/** A heartbeat frame, which belongs to channel 0. */
export function writeHeartbeat(writer: ByteWriter): void {
  endFrame(writer, beginFrame(writer, FrameType.Heartbeat, 0));
}
