import { beforeEach, expect, it } from 'vitest';
import { type FieldEntry, FieldTable } from '../../../src/protocol/field-table.ts';
import { int32, longString } from '../../../src/protocol/field-value.ts';
import { refusal, TestHost } from '../support.ts';

const of = FieldTable.of;
const typed = (type: string, ...more: readonly FieldEntry[]) =>
  of(['x-delayed-type', longString(type)], ...more);
let host: TestHost;

beforeEach(() => {
  host = new TestHost();
});

function bodies(queue: string): number {
  return host.queue(queue).readyCount;
}

it('x-delayed-message hashes, with the checks of the type inside', () => {
  host.exchange('x', 'x-delayed-message', typed('x-consistent-hash', ['hash-header', longString('h')]));
  for (const queue of ['a', 'b', 'c']) {
    host.queue(queue);
    host.bind('x', queue, '1');
  }
  expect(refusal(() => host.bind('x', 'a', 'heavy'))).toBe(
    '406 The binding key must be an integer: <<"heavy">>',
  );
  for (let i = 0; i < 60; i++) host.publish('x', 'k', { headers: of(['h', int32(i % 30)]) });
  const counts = ['a', 'b', 'c'].map(bodies);
  expect(counts.reduce((sum, count) => sum + count)).toBe(60);
  for (const count of counts) expect(count % 2).toBe(0);
});

it('x-delayed-message drops duplicates, and remembers for new bindings', () => {
  const size: FieldEntry = ['x-cache-size', int32(10)];
  expect(refusal(() => host.exchange('x', 'x-delayed-message', typed('x-message-deduplication')))).toMatch(
    /^406 Missing or invalid argument, 'x-cache-size'/,
  );
  host.exchange('once', 'x-delayed-message', typed('x-message-deduplication', size));
  host.exchange('past', 'x-delayed-message', typed('x-recent-history'));
  host.bindExchange('once', 'past');
  for (const id of [1, 2, 1, 1])
    host.publish('once', '', { headers: of(['x-deduplication-header', int32(id)]) });
  host.queue('late');
  host.bind('past', 'late');
  expect(bodies('late')).toBe(2);
});
