import { once } from 'node:events';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/broker/clock.ts';
import { Doorway } from '../../src/server/sockets/doorway.ts';

it.each([false, true])(
  'lets nobody in who has gone before being accepted (behind a proxy: %s)',
  async (proxyProtocol) => {
    const heard: string[] = [];
    const doorway = new Doorway({
      certificates: undefined,
      proxyProtocol,
      timeoutMs: 60_000,
      clock: systemClock,
      enter: () => heard.push('entered'),
      turnedAway: () => heard.push('turned away'),
    });
    // What a socket is once the other side has reset it.
    const socket = new Socket();
    const closed = once(socket, 'close');
    doorway.accept(socket);
    await closed;
    doorway.close();
    expect(heard).toEqual([]);
  },
);
