import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';

let broker: RunningBroker;
let sockets: Socket[];

beforeEach(async () => {
  sockets = [];
  broker = await startBroker({ port: 0, managementPort: 0 });
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await broker.close();
});

/** Sends the head of a request, and nothing of its body. */
function begin(login: string, ...headers: readonly string[]): Socket {
  const socket = connect(broker.managementPort ?? 0, '127.0.0.1');
  sockets.push(socket);
  const authorization = `Authorization: Basic ${Buffer.from(login).toString('base64')}`;
  const lines = ['POST /api/definitions HTTP/1.1', 'Host: localhost', authorization, ...headers];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return socket;
}

async function statusLine(socket: Socket): Promise<string> {
  const [chunk]: unknown[] = await once(socket, 'data');
  return String(chunk).split('\r\n', 1)[0] ?? '';
}

describe('the body of a request', () => {
  it('is not awaited from who may not send it', async () => {
    expect(await statusLine(begin('guest:wrong', 'Content-Length: 60000000'))).toBe(
      'HTTP/1.1 401 Unauthorized',
    );
  });

  it('is refused when others are on their way that take all there is, and taken when they are gone', async () => {
    // Each may become 64 MiB long.
    const waiting = Array.from({ length: 8 }, () => begin('guest:guest', 'Transfer-Encoding: chunked'));
    const refused = async () => statusLine(begin('guest:guest', 'Content-Length: 1'));
    await expect.poll(refused).toBe('HTTP/1.1 503 Service Unavailable');
    waiting[0]?.destroy();
    const taken = async () => {
      const socket = begin('guest:guest', 'Content-Length: 2');
      socket.write('{}');
      return statusLine(socket);
    };
    await expect.poll(taken).toBe('HTTP/1.1 204 No Content');
  });
});
