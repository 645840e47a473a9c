import { describe, expect, test } from 'vitest';
import { StreamSegments, streamSegmentsMax } from '../../../src/broker/streams/stream-segments.ts';
import { TrackedOffsets, trackedTagsMax } from '../../../src/broker/streams/tracked-offsets.ts';

const unlimited = { maxLengthBytes: undefined, maxAgeMs: undefined, maxSegmentBytes: 0, filterBytes: 16 };

/** Ten bytes a message, a segment for each; message i comes at i seconds. */
function filled(count: number): StreamSegments {
  const segments = new StreamSegments(0, 0);
  for (let offset = 0; offset < count; offset++) segments.append(offset, 10, offset * 1000, 1);
  return segments;
}

describe('the segments of a stream', () => {
  test('a segment that is full makes place for the next one', () => {
    const segments = new StreamSegments(0, 0);
    // 64 bytes are added for each message.
    expect(segments.append(0, 10, 0, 200)).toBe(false);
    expect(segments.append(1, 10, 0, 200)).toBe(false);
    expect(segments.append(2, 10, 0, 200)).toBe(true);
    expect(segments.toJSON()).toEqual([0, 30, 3]);
  });

  test('what is too much leaves from the front, the last segment never', () => {
    const keep = (bytes: number) => ({ ...unlimited, maxLengthBytes: bytes });
    const segments = filled(10);
    expect(segments.dropSurplus(keep(740), 10, 0, () => undefined)).toBeUndefined();
    expect(segments.dropSurplus(keep(739), 10, 0, () => undefined)).toEqual({ offset: 1, bodyBytes: 10 });
    expect(segments.dropSurplus(keep(300), 10, 0, () => undefined)).toEqual({ offset: 6, bodyBytes: 50 });
    expect(segments.dropSurplus(keep(0), 10, 0, () => undefined)).toEqual({ offset: 10, bodyBytes: 40 });
    expect(segments.toJSON()).toEqual([10]);
  });

  test('a segment is as old as its newest message', () => {
    const young = { ...unlimited, maxAgeMs: 5_000 };
    expect(filled(10).dropSurplus(young, 10, 8_000, () => undefined)).toEqual({ offset: 3, bodyBytes: 30 });
  });

  test('after a restart the log is asked when that came', () => {
    const young = { ...unlimited, maxAgeMs: 5_000 };
    const restored = StreamSegments.restore(filled(10).toJSON(), 0, 100);
    const asked: number[] = [];
    const timeOf = (offset: number) => {
      asked.push(offset);
      return offset * 1000;
    };
    expect(restored?.dropSurplus(young, 10, 8_000, timeOf)).toEqual({ offset: 3, bodyBytes: 30 });
    expect(asked).toEqual([0, 1, 2, 3]);
  });

  test('what came after the table was written is in the last segment', () => {
    const restored = StreamSegments.restore(filled(3).toJSON(), 0, 100);
    expect(restored?.append(9, 5, 0, 1)).toBe(true);
    expect(restored?.toJSON()).toEqual([0, 10, 1, 10, 2, 10, 3, 75, 10]);
  });

  test.each([
    ['nothing', undefined, 0, 10],
    ['another beginning', [5, 10, 6], 0, 100],
    ['more bytes than there are', [0, 10, 1, 10, 2], 0, 15],
    ['no numbers', [0, 'x', 2], 0, 100],
  ])('a table that does not fit is no table: %s', (_title, flat, first, bytes) => {
    expect(StreamSegments.restore(flat, first, bytes)).toBeUndefined();
  });

  test('their number has a limit, and no byte is lost when they are joined', () => {
    const count = 5 * streamSegmentsMax;
    const segments = filled(count);
    const flat = segments.toJSON();
    expect(flat.length).toBeLessThanOrEqual(2 * streamSegmentsMax);
    const bytes = flat.filter((_, i) => i % 2 === 1).reduce((sum, each) => sum + each, 0);
    expect(bytes).toBe(10 * count);
    const dropped = segments.dropSurplus({ ...unlimited, maxLengthBytes: 74_000 }, count, 0, () => undefined);
    expect(dropped?.bodyBytes).toBe(10 * (dropped?.offset ?? 0));
    expect(count - (dropped?.offset ?? 0)).toBeLessThanOrEqual(1000);
  });
});

describe('tracked offsets', () => {
  test('the tag that came back least recently is forgotten', () => {
    const tracked = new TrackedOffsets();
    for (let i = 0; i < trackedTagsMax; i++) tracked.set(`tag-${i}`, i);
    expect(tracked.resume('tag-0')).toBe(0);
    tracked.set('one more', 7);
    expect(tracked.resume('tag-1')).toBeUndefined();
    expect(tracked.resume('tag-0')).toBe(0);
    expect(TrackedOffsets.restore(tracked.toJSON()).resume('one more')).toBe(7);
  });
});
