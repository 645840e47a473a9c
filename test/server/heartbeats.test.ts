import { describe, expect, it } from 'vitest';
import type { Clock, Timer } from '../../src/broker/clock.ts';
import { type HeartbeatPeer, Heartbeats } from '../../src/server/heartbeats.ts';

/** Time that passes when the test says so. */
class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ due: number; run: () => void }>();

  get timerCount(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const timer = { due: this.#now + delayMs, run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.due - b.due)[0];
      if (next === undefined || next.due > end) break;
      this.#now = next.due;
      this.#timers.delete(next);
      next.run();
    }
    this.#now = end;
  }
}

class Peer implements HeartbeatPeer {
  bytesReceived = 0;
  bytesSent = 0;
  isInputPaused = false;
  heartbeats = 0;
  missed = false;

  sendHeartbeat(): void {
    this.heartbeats++;
    this.bytesSent += 8;
  }

  heartbeatsMissed(): void {
    this.missed = true;
  }
}

function watched(intervalSeconds: number) {
  const clock = new ManualClock();
  const peer = new Peer();
  const heartbeats = new Heartbeats(clock);
  const watch = heartbeats.watch(peer, intervalSeconds);
  return { clock, peer, heartbeats, watch };
}

describe('heartbeats', () => {
  it('are sent every half interval while nothing else is', () => {
    const { clock, peer } = watched(4);
    for (let second = 0; second < 10; second++) {
      clock.advance(1000);
      peer.bytesReceived++;
    }
    expect(peer.heartbeats).toBe(5);
  });

  it('are not sent while other bytes are', () => {
    const { clock, peer } = watched(2);
    for (let i = 0; i < 20; i++) {
      peer.bytesSent += 100;
      peer.bytesReceived++;
      clock.advance(500);
    }
    expect(peer.heartbeats).toBe(0);
    clock.advance(1000);
    expect(peer.heartbeats).toBe(1);
  });

  it('give a silent client up after two intervals', () => {
    const { clock, peer } = watched(2);
    clock.advance(3999);
    expect(peer.missed).toBe(false);
    clock.advance(1);
    expect(peer.missed).toBe(true);
    expect(clock.timerCount).toBe(0);
  });

  it('count two silent intervals in a row only', () => {
    const { clock, peer } = watched(1);
    for (let i = 0; i < 10; i++) {
      clock.advance(1500);
      peer.bytesReceived++;
    }
    expect(peer.missed).toBe(false);
  });

  it('do not blame the client while the broker does not read', () => {
    const { clock, peer } = watched(1);
    peer.isInputPaused = true;
    clock.advance(60_000);
    expect(peer.missed).toBe(false);
    peer.isInputPaused = false;
    clock.advance(2000);
    expect(peer.missed).toBe(true);
  });

  it('share one timer, which stops with the last watch', () => {
    const { clock, heartbeats, watch } = watched(60);
    const others = Array.from({ length: 100 }, () => heartbeats.watch(new Peer(), 30));
    expect(clock.timerCount).toBe(1);
    watch.stop();
    for (const other of others) other.stop();
    expect(clock.timerCount).toBe(0);
  });
});
