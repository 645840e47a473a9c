import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Output } from '../../src/server/output/output.ts';
import { UnreadLimit, type UnreadLimitHost } from '../../src/server/output/unread-limit.ts';
import { ManualClock } from './manual-clock.ts';

class Host implements UnreadLimitHost {
  readonly calls: string[] = [];
  readonly isRunning = true;
  pauseInput(): void {
    this.calls.push('pause');
  }
  resumeInput(): void {
    this.calls.push('resume');
  }
  stalled(): void {
    this.calls.push('stalled');
  }
}

const mebibyte = 2 ** 20;
const server = createServer();
let ours: Socket;
let theirs: Socket;

beforeEach(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connected = once(server, 'connection');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  theirs = connect(address.port, '127.0.0.1');
  [ours] = await connected;
});

afterEach(async () => {
  ours.destroy();
  theirs.destroy();
  server.close();
  await once(server, 'close');
});

describe('a client that does not read', () => {
  it('is not listened to until it has caught up', async () => {
    const host = new Host();
    const clock = new ManualClock();
    const limit = new UnreadLimit(new Output(ours, () => {}), clock, host);
    ours.write(Buffer.alloc(15 * mebibyte));
    limit.check();
    expect(host.calls).toEqual([]);
    ours.write(Buffer.alloc(15 * mebibyte));
    limit.check();
    limit.check();
    expect(host.calls).toEqual(['pause']);
    const drained = once(ours, 'drain');
    theirs.resume();
    await drained;
    limit.drained();
    limit.drained();
    expect(host.calls).toEqual(['pause', 'resume']);
    expect(clock.timerCount).toBe(0);
  });

  it('is given up when it takes nothing for half a minute', () => {
    const host = new Host();
    const clock = new ManualClock();
    const limit = new UnreadLimit(new Output(ours, () => {}), clock, host);
    ours.write(Buffer.alloc(30 * mebibyte));
    limit.check();
    clock.advance(29_999);
    expect(host.calls).toEqual(['pause']);
    clock.advance(1);
    expect(host.calls).toEqual(['pause', 'stalled']);
    limit.stop();
    expect(clock.timerCount).toBe(0);
  });
});
