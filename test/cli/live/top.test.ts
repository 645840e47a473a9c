import { expect, it } from 'vitest';
import { renderTop, type Snapshot } from '../../../src/cli/ctl/live/top/render.ts';
import { afterKey, initialState, type TopState } from '../../../src/cli/ctl/live/top/state.ts';
import { watchLines } from '../../../src/cli/ctl/live/watch.ts';

const snapshot: Snapshot = {
  overview: {
    node: 'leveret@host',
    product_name: 'Leveret',
    product_version: '1.0.0',
    object_totals: { queues: 1234, connections: 2, channels: 3, consumers: 4 },
    queue_totals: { messages_ready: 9_876_543, messages_unacknowledged: 12 },
    message_stats: { publish_details: { rate: 0.4 }, deliver_get_details: { rate: 1500 } },
  },
  rows: [
    {
      name: 'orders',
      messages: 1_000_000,
      messages_ready: 999_988,
      messages_unacknowledged: 12,
      consumers: 4,
    },
    { name: `${'日本語'.repeat(10)}`, vhost: '/', type: 'quorum', messages: 1 },
    { name: 'evil\x1b[2J\nname', messages: 0 },
  ],
  total: 1234,
};
const plain = { columns: 80, rows: 10, hasColors: false };
const state = initialState('queues', 2000);
const extent = { total: 100, page: 10 };

const rendered = (columns: number, rows: number, of: TopState = state) =>
  renderTop(of, snapshot, { columns, rows, hasColors: false });

it('fits into any window, wide characters and control characters included', () => {
  for (const columns of [1, 20, 40, 80, 200]) {
    for (const rows of [1, 4, 6, 10, 50]) {
      const lines = rendered(columns, rows);
      expect(lines).toHaveLength(rows);
      for (const line of lines) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none
        expect(line).not.toMatch(/[\x00-\x1f]/);
        const wide = [...line].filter((character) => /[\u3000-\u9fff]/.test(character)).length;
        expect([...line].length + wide).toBeLessThanOrEqual(columns);
      }
    }
  }
});

it('shows what matters at 80 columns, and more of it at 200', () => {
  expect(rendered(80, 10)).toEqual([
    'leveret@host  Leveret 1.0.0   1 [queues]  2 connections  3 channels   every 2 s',
    'queues 1,234  connections 2  channels 3  consumers 4',
    'messages ready 9,876,543  unacked 12  in 0.4/s  out 1,500/s',
    'NAME                     READY   UNACKED       TOTAL↓   CONS      IN/S     OUT/S',
    'orders                 999,988        12    1,000,000      4         0         0',
    '日本語日本語日本…            0         0            1      0         0         0',
    'evil\\x1b[2J\\nname            0         0            0      0         0         0',
    '',
    '',
    expect.stringMatching(/^1-3 of 1,234 {3}q quit/),
  ]);
  const [, , , heading = ''] = rendered(200, 10);
  expect(heading.split(/ +/).filter((word) => word !== '')).toEqual([
    'NAME',
    'VHOST',
    'TYPE',
    'READY',
    'UNACKED',
    'TOTAL↓',
    'BYTES',
    'CONS',
    'IN/S',
    'OUT/S',
    'ACK/S',
  ]);
});

it('keeps the column that is sorted by', () => {
  expect(rendered(40, 10, { ...state, sort: 'ack' })[3]).toMatch(/ACK\/S↓/);
  expect(rendered(80, 10, { ...state, sort: 'name' })[3]).toMatch(/^NAME↑/);
  expect(rendered(80, 10, { ...state, isTurned: true })[3]).toMatch(/TOTAL↑/);
});

it('says what went wrong, and keeps what it has', () => {
  const lines = renderTop(state, snapshot, plain, 'no broker is running');
  expect(lines[0]).toBe('no broker is running');
  expect(lines[4]).toMatch(/^orders/);
});

it('colours nothing but on terminals with colours', () => {
  const control = '\x1b';
  expect(renderTop(state, snapshot, plain).join('')).not.toContain(control);
  expect(renderTop(state, snapshot, { ...plain, hasColors: true }).join('')).toContain(`${control}[7m`);
});

it('scrolls within the list', () => {
  const press = (from: TopState, name: string) => afterKey(from, { name }, extent) ?? from;
  expect(press(state, 'up').offset).toBe(0);
  expect(press(state, 'down').offset).toBe(1);
  expect(press(state, 'pagedown').offset).toBe(10);
  expect(press(state, 'end').offset).toBe(90);
  expect(press(press(state, 'end'), 'pagedown').offset).toBe(90);
  expect(afterKey(state, { name: 'down' }, { total: 3, page: 10 })?.offset).toBe(0);
});

it('sorts, switches, filters, pauses and quits by keys', () => {
  const typed = (from: TopState, ...keys: readonly string[]) =>
    keys.reduce(
      (at, key) => afterKey(at, key.length === 1 ? { sequence: key } : { name: key }, extent) ?? at,
      from,
    );
  expect(typed(state, 'right').sort).toBe('bytes');
  expect(typed(state, 'left').sort).toBe('unacked');
  expect(typed(state, '2')).toMatchObject({ view: 'connections', sort: 'in' });
  expect(typed(state, 'tab', 'tab', 'tab').view).toBe('queues');
  expect(typed(state, '/', 'a', 'b', 'backspace', 'return')).toMatchObject({ filter: 'a', draft: undefined });
  expect(typed(state, '/', 'a', 'escape')).toMatchObject({ filter: '', draft: undefined });
  expect(typed(state, '/', 'q').draft).toBe('q');
  expect(typed(state, '+').intervalMs).toBe(5000);
  expect(typed(state, '-', '-', '-').intervalMs).toBe(500);
  expect(typed(state, 'p').isPaused).toBe(true);
  expect(typed(state, 'h', 'x').isHelpShown).toBe(false);
  expect(afterKey(state, { name: 'q' }, extent)).toBeUndefined();
  expect(afterKey({ ...state, draft: 'x' }, { name: 'c', ctrl: true }, extent)).toBeUndefined();
});

it('aligns a watched list, and makes it as narrow as it has to be', () => {
  const table = `name\tmessages\n${'long'.repeat(5)}\t5\nb\t12345\nc\t0\n`;
  expect(watchLines(table, 'list_queues   every 2 s', { columns: 26, rows: 4 })).toEqual([
    'list_queues   every 2 s',
    'name              messages',
    'longlonglonglon…  5',
    'b                 12345',
  ]);
});
