import { describe, expect, it } from 'vitest';
import { type HeartbeatPeer, Heartbeats } from '../../src/server/connection/heartbeats.ts';
import { ManualClock } from './manual-clock.ts';

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

  it('give a client up that is silent from the start after three intervals', () => {
    const { clock, peer } = watched(2);
    clock.advance(5999);
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
    clock.advance(1000);
    expect(peer.missed).toBe(false);
    clock.advance(1000);
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
