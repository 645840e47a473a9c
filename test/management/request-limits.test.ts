import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import amqplib from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ManagementLimits, type RunningBroker, startBroker } from '../../src/index.ts';

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

/** One that takes less than by default. */
async function startLimited(managementLimits: Partial<ManagementLimits>): Promise<void> {
  await broker.close();
  broker = await startBroker({ port: 0, managementPort: 0, managementLimits });
}

function connected(): Socket {
  const socket = connect(broker.managementPort ?? 0, '127.0.0.1');
  sockets.push(socket);
  return socket;
}

/** Sends the head of a request, and nothing of its body. */
function begin(login: string, ...headers: readonly string[]): Socket {
  const socket = connected();
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

describe('a port', () => {
  it('answers so many requests at the same time', async () => {
    await startLimited({ requests: 1 });
    const waiting = begin('guest:guest', 'Content-Length: 2');
    const other = async () => statusLine(begin('guest:guest', 'Content-Length: 0'));
    await expect.poll(other).toBe('HTTP/1.1 503 Service Unavailable');
    waiting.write('{}');
    expect(await statusLine(waiting)).toBe('HTTP/1.1 204 No Content');
  });

  it('has so many clients', async () => {
    await startLimited({ clients: 1 });
    await once(connected(), 'connect');
    await once(connected(), 'close');
  });

  it('lets a client go that does not read its answer', async () => {
    await startLimited({ unreadMs: 100 });
    const amqp = await amqplib.connect(`amqp://guest:guest@127.0.0.1:${broker.port}`);
    const channel = await amqp.createConfirmChannel();
    await channel.assertQueue('large');
    channel.sendToQueue('large', Buffer.alloc(12_000_000));
    await channel.waitForConfirms();
    const body = '{"count":1,"ackmode":"ack_requeue_true","encoding":"auto"}';
    const client = connected().pause();
    const lost = once(client, 'error');
    const head = [
      'POST /api/queues/%2F/large/get HTTP/1.1',
      'Host: localhost',
      'Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=',
    ];
    client.write(`${[...head, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`);
    // Who does not read learns of the end by writing; line breaks before a request mean nothing.
    const writes = setInterval(() => client.write('\r\n'), 20);
    await lost;
    clearInterval(writes);
    await amqp.close();
  });
});
