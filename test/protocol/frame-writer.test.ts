import { expect, test } from 'vitest';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { writeContentFrames, writeHeartbeat, writeMethodFrame } from '../../src/protocol/frame-writer.ts';
import { MethodId } from '../../src/protocol/methods.ts';

function written(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter(1);
  write(writer);
  return writer.bytes().toString('hex');
}

test('a method frame', () => {
  const bytes = written((writer) => writeMethodFrame(writer, 258, { id: MethodId.TxSelect }));
  expect(bytes).toBe('01010200000004005a000ace');
});

test('a heartbeat', () => {
  expect(written(writeHeartbeat)).toBe('08000000000000ce');
});

test('a body is cut into frames of frame_max, and an empty one has none', () => {
  const header = (size: string): string => `0200010000000f003c0000${size.padStart(16, '0')}100002ce`;
  const content = (body: string, frameMax: number): string =>
    written((writer) => writeContentFrames(writer, 1, { deliveryMode: 2 }, Buffer.from(body), frameMax));
  expect(content('', 10)).toBe(header('0'));
  expect(content('abc', 10)).toBe(`${header('3')}030001000000026162ce0300010000000163ce`);
  expect(content('abc', 0)).toBe(`${header('3')}03000100000003616263ce`);
});
