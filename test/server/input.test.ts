import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { protocolHeader } from '../../src/protocol/frame-reader.ts';
import { Input } from '../../src/server/connection/input.ts';
import { Output } from '../../src/server/output/output.ts';
import type { ByteStream, Transport } from '../../src/server/sockets/transport.ts';

function stream(): ByteStream {
  return Object.assign(new PassThrough(), { bytesRead: 0, bytesWritten: 0 });
}

/** @param heartbeat takes as long as handling a frame is to take. */
function newInput(from = stream(), heartbeat = () => {}): Input {
  const ends = { peerHost: '127.0.0.1', peerPort: 1, host: '127.0.0.1', port: 2 };
  const transport: Transport = { stream: from, ends, tls: undefined, read() {}, reset() {} };
  const handler = { method() {}, header() {}, body() {}, heartbeat, chunkEnd() {} };
  const failed = (error: unknown) => {
    throw error;
  };
  const input = new Input(transport, handler, {
    protocolAccepted() {},
    protocolRefused() {},
    flooded() {},
    failed,
  });
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

it('what takes long to handle leaves others their turn', async () => {
  const heartbeat = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce]);
  const socket = stream();
  const slow = newInput(socket, () => {
    for (const begin = performance.now(); performance.now() - begin < 3; );
  });
  socket.resume();
  let chunks = 0;
  while (!socket.isPaused() && chunks < 10) {
    slow.received(heartbeat, true);
    chunks++;
  }
  expect(chunks).toBeLessThan(4);
  await new Promise((resolve) => setImmediate(resolve));
  expect(socket.isPaused()).toBe(false);
});
