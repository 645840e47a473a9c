import { expect, onTestFinished, test } from 'vitest';
import { compile } from './compile.ts';
import { Disk } from './disk.ts';
import { Loopback } from './loopback.ts';
import { rowsOf } from './results.ts';
import { bounded, load } from './scenarios/loads.ts';
import { tableOf } from './table.ts';

const latest = new Map([
  ['confirmed', 1000],
  ['confirm_frames', 10],
]);

test('the disk before and after stand beside the first and the last tenth', () => {
  const disk = new Disk(1024);
  onTestFinished(() => disk.close());
  const before = disk.measure(0.02, latest);
  const after = disk.measure(0.02, latest);
  const figures = disk.figures();
  expect(figures.get('first_tenth_rate')).toBe(before);
  expect(figures.get('last_tenth_rate')).toBe(after);
  expect(figures.get('confirm_rate')).toBeGreaterThanOrEqual(Math.min(before, after));
  expect(figures.get('confirm_rate')).toBeLessThanOrEqual(Math.max(before, after));
});

test('the disk is left alone when so much is written, however long it was to take', () => {
  const disk = new Disk(1024, 1);
  onTestFinished(() => disk.close());
  disk.measure(3600, latest);
  // Commits of 100 KiB.
  expect(disk.figures().get('queues_declared')).toBe(11);
});

test('the relay delivers', () => {
  const loopback = new Loopback(compile('relay'), 65_536);
  const rate = loopback.measure(0.06);
  expect(rate).toBeGreaterThan(100);
  expect(loopback.figures().get('deliver_rate')).toBe(rate);
});

test('a table has columns for what was measured, and says what a bound is', () => {
  const delivered = { field: 'deliver_rate', label: 'delivered', better: 'higher', divisor: 1 } as const;
  const steps = bounded({ name: 'loopback' }, [load('--duration 1', []), load('', [delivered])]);
  const scenario = { name: 'large', measures: 'large messages', ceiling: false, steps } as const;
  const figures = (rate: number) => new Map([['deliver_rate', rate]]);
  const run = [
    new Map([['leveret', new Map()]] as const),
    new Map([
      ['leveret', figures(20)],
      ['loopback', figures(40)],
    ] as const),
  ];
  const [head, , row, ...notes] = tableOf(rowsOf(scenario, [run, run]), true).split('\n');
  expect(head).toBe('| scenario | median of | better | Leveret | loopback | to loopback |');
  expect(row).toBe('| large | delivered | higher | 20 | 40 | 0.50x |');
  expect(notes.join('\n')).toContain('- **loopback**:');
  expect(notes.join('\n')).not.toContain('- **disk**:');
});
