import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { protocolHeader } from '../../src/protocol/frame-reader.ts';
import { Input } from '../../src/server/connection/input.ts';
import { Output } from '../../src/server/output/output.ts';
import type { ByteStream, Transport } from '../../src/server/sockets/transport.ts';

function stream(): ByteStream {
  return Object.assign(new PassThrough(), { bytesRead: 0, bytesWritten: 0 });
}

function newInput(): Input {
  const ends = { peerHost: '127.0.0.1', peerPort: 1, host: '127.0.0.1', port: 2 };
  const transport: Transport = { stream: stream(), ends, tls: undefined, read() {}, reset() {} };
  const handler = { method() {}, header() {}, body() {}, heartbeat() {}, chunkEnd() {} };
  const failed = (error: unknown) => {
    throw error;
  };
  const input = new Input(transport, handler, { protocolAccepted() {}, protocolRefused() {}, failed });
  input.received(protocolHeader, false);
  return input;
}

it('a flood is read in larger chunks while it goes out to many connections', async () => {
  const heartbeat = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce]);
  const flooding = newInput();
  flooding.received(heartbeat, true);
  const quiet = newInput();
  quiet.received(heartbeat, false);
  const written = Array.from({ length: 257 }, () => {
    const output = new Output(stream(), () => {});
    output.raw(heartbeat);
    return output;
  });
  expect([flooding.wanted, quiet.wanted]).toEqual(['large', 'usual']);
  flooding.pause();
  expect(flooding.wanted).toBe('usual');
  flooding.resume();
  written[0]?.flush();
  expect(flooding.wanted).toBe('usual');
  await new Promise((resolve) => setImmediate(resolve));
  expect(written.map(({ writes }) => writes)).toEqual(written.map(() => 1));
});
