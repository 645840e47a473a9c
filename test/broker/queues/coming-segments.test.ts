import { afterEach, expect, test, vi } from 'vitest';
import { ComingSegments } from '../../../src/broker/log/coming-segments.ts';
import { SlabPool, segmentBytes } from '../../../src/broker/log/slab.ts';
import type { ComingEntries } from '../../../src/broker/store.ts';

/** A disk that is slow: entries of one record and a segment's size each. */
class SlowDisk {
  asked = 0;
  isRead = false;

  readAhead(_logId: number, from: number): ComingEntries {
    this.asked++;
    const isRead = () => this.isRead;
    return {
      end: from + 1,
      byteLength: segmentBytes,
      get isRead() {
        return isRead();
      },
      read: new Promise(() => {}),
      take: () => [],
    };
  }
}

afterEach(() => {
  vi.useRealTimers();
});

test('what is read ahead makes room for others once it is there and nobody has come for it', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const slabs = new SlabPool();
  const disk = new SlowDisk();
  const logs = Array.from({ length: 8 }, () => new ComingSegments(slabs));
  const readOn = () => {
    disk.asked = 0;
    for (const [i, log] of logs.entries()) log.readOn(i, 0, 1000, disk);
    return disk.asked * segmentBytes;
  };
  expect(readOn()).toBe(16 * 2 ** 20);
  vi.advanceTimersByTime(2000);
  expect(readOn()).toBe(0);
  disk.isRead = true;
  vi.advanceTimersByTime(2000);
  expect(readOn()).toBe(16 * 2 ** 20);
  expect(readOn()).toBe(0);
});
