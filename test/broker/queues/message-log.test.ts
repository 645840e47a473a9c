import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MessageLog } from '../../../src/broker/log/message-log.ts';
import { RecordFlag, RecordOffset } from '../../../src/broker/log/record.ts';
import type { Segment } from '../../../src/broker/log/segment.ts';
import { Message } from '../../../src/broker/message.ts';
import type { QueueType } from '../../../src/broker/queue-type.ts';
import { MemoryStore, type Store } from '../../../src/broker/store.ts';
import { openLmdbStore } from '../../../src/storage/lmdb-store.ts';
import { Bench, messageOf } from './bench.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function idAt(log: MessageLog, segment: Segment, index: number): number {
  log.load(segment);
  const { buffer, offsets } = segment.expectSlab();
  const message = Message.fromRecord(buffer, offsets[index] ?? 0, offsets[index + 1] ?? 0);
  return Number.parseInt(message.body.toString(), 10);
}

interface Expected {
  readonly id: number;
  readonly persistent: boolean;
  readonly bodyBytes: number;
  /** How often it was given back. */
  returns: number;
}

/** What a queue is, said as plainly as possible. */
class NaiveLog {
  readonly type: QueueType;
  returned: Expected[] = [];
  unread: Expected[] = [];
  held: (Expected & { segment: Segment; index: number })[] = [];

  constructor(type: QueueType) {
    this.type = type;
  }

  get ready(): readonly Expected[] {
    return [...this.returned, ...this.unread];
  }

  next(): Expected | undefined {
    return this.returned.shift() ?? this.unread.shift();
  }

  giveBack(at: number): void {
    const [message] = this.held.splice(at, 1);
    if (message === undefined) return;
    const { id, persistent, bodyBytes, returns } = message;
    this.returned.push({ id, persistent, bodyBytes, returns: returns + 1 });
    if (this.type === 'classic') this.#sort();
  }

  #sort(): void {
    this.returned.sort((left, right) => left.id - right.id);
  }

  restart(): void {
    while (this.held.length > 0) this.giveBack(0);
    this.#sort();
    if (this.type === 'quorum') return;
    this.returned = this.returned.filter(({ persistent }) => persistent);
    this.unread = this.unread.filter(({ persistent }) => persistent);
  }

  purge(): void {
    this.returned = [];
    this.unread = [];
  }
}

type Command =
  | { do: 'append'; count: number; persistent: boolean; bodyBytes: number }
  | { do: 'take'; count: number }
  | { do: 'settle' | 'giveBack'; at: number; count: number }
  | { do: 'commit' | 'rest' | 'purge' | 'restart' };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 30 }),
      persistent: fc.boolean(),
      bodyBytes: fc.constantFrom(12, 300, 5000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('take' as const), count: fc.integer({ min: 1, max: 30 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('settle' as const, 'giveBack' as const),
      at: fc.nat(),
      count: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('rest' as const, 'purge' as const, 'restart' as const) }),
  },
);

/** Stands the log on its next record, which may have to be waited for. False: there is none. */
async function seek(log: MessageLog): Promise<boolean> {
  for (;;) {
    if (log.seek()) return true;
    if (log.loading === undefined) return false;
    await log.loading;
  }
}

async function takeOne(bench: Bench, naive: NaiveLog): Promise<void> {
  const { log } = bench;
  const expected = naive.next();
  expect(await seek(log)).toBe(expected !== undefined);
  if (expected === undefined || log.segment === undefined) return;
  const { segment, index } = log;
  expect(idAt(log, segment, index)).toBe(expected.id);
  expect(log.take()).toBe(expected.returns > 0);
  expect(log.deliveryCount(segment, index)).toBe(naive.type === 'quorum' ? expected.returns : 0);
  naive.held.push({ ...expected, segment, index });
}

function volumeOf(messages: readonly { readonly bodyBytes: number }[]) {
  return { count: messages.length, bytes: messages.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0) };
}

/** Ready records as they lie, each of them looked at: which are in memory? */
function countReady(bench: Bench) {
  bench.buffersRead.clear();
  return [...bench.log.readyRecords()].map(({ buffer, start, end }) => {
    const message = Message.fromRecord(buffer, start, end);
    const persistent = ((buffer[start + RecordOffset.Flags] ?? 0) & RecordFlag.Persistent) !== 0;
    return { bodyBytes: message.bodySize, persistent, inMemory: !bench.buffersRead.has(buffer) };
  });
}

/** Totals are kept as records change their states: here is the full count. */
function expectFigures(bench: Bench, { ready, held, type }: NaiveLog): void {
  const { log, slabs, store } = bench;
  const { memory, ...figures } = log.figures();
  const found = countReady(bench);
  const out = held.map(({ persistent, bodyBytes, segment }) => ({
    bodyBytes,
    persistent: persistent || type === 'quorum',
    inMemory: segment.slab !== undefined,
  }));
  const all = [...found, ...out];
  expect(figures).toEqual({
    ready: volumeOf(ready),
    delivered: volumeOf(held),
    persistent: volumeOf(all.filter(({ persistent }) => persistent)),
    readyInMemory: volumeOf(found.filter(({ inMemory }) => inMemory)),
    deliveredInMemory: volumeOf(out.filter(({ inMemory }) => inMemory)),
    pagedOut: volumeOf(all.filter(({ persistent, inMemory }) => !persistent && !inMemory)),
  });
  expect(found).toHaveLength(ready.length);
  expect(log.readyBytes).toBe(figures.ready.bytes);
  expect(memory).toBeLessThanOrEqual(slabs.bytesInUse);
  const head = log.headInMemory();
  if (head !== undefined) expect(Number.parseInt(head.body.toString(), 10)).toBe(ready[0]?.id);
  else if (!store.durable) expect(ready).toEqual([]);
}

async function run(
  commands: readonly Command[],
  type: QueueType,
  openStore: () => Promise<Store>,
): Promise<void> {
  const reopen = async () => new Bench(await openStore(), type);
  let bench = await reopen();
  const naive = new NaiveLog(type);
  let nextId = 0;
  for (const step of commands) {
    const { log } = bench;
    switch (step.do) {
      case 'append':
        for (let i = 0; i < step.count; i++) {
          const { persistent, bodyBytes } = step;
          const id = nextId++;
          log.append(messageOf(id, persistent, bodyBytes), Date.now(), 0);
          naive.unread.push({ id, persistent, bodyBytes, returns: 0 });
        }
        break;
      case 'take':
        for (let i = 0; i < step.count; i++) await takeOne(bench, naive);
        break;
      case 'settle':
      case 'giveBack':
        for (let i = 0; i < step.count && naive.held.length > 0; i++) {
          const at = step.at % naive.held.length;
          const held = naive.held[at];
          if (held === undefined) break;
          if (step.do === 'settle') {
            log.settle(held.segment, held.index);
            naive.held.splice(at, 1);
          } else {
            log.giveBack(held.segment, held.index);
            naive.giveBack(at);
          }
        }
        break;
      case 'commit':
        await bench.committer.flush();
        break;
      case 'rest':
        bench.committed?.rest();
        break;
      case 'purge':
        expect(log.purge()).toBe(naive.ready.length);
        naive.purge();
        break;
      case 'restart':
        await bench.close();
        if (!bench.store.durable) return;
        bench = await reopen();
        naive.restart();
        break;
    }
    expect(bench.log.readyCount).toBe(naive.ready.length);
    expectFigures(bench, naive);
  }
  while (naive.ready.length > 0) await takeOne(bench, naive);
  expect(await seek(bench.log)).toBe(false);
  for (const { segment, index } of naive.held) bench.log.settle(segment, index);
  expect(bench.log.isEmpty).toBe(true);
  expect(bench.missing).toBe(0);
  bench.committed?.rest();
  bench.committed?.rest();
  await bench.committer.flush();
  expect(bench.slabs.bytesInUse).toBe(0);
  await bench.close();
}

describe.each(['classic', 'quorum'] as const)('the message log of a %s queue behaves like a list', (type) => {
  test('in memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), (commands) =>
        run(commands, type, async () => new MemoryStore()),
      ),
      { numRuns: 60 },
    );
  });

  test('over LMDB, paged out whenever possible, across restarts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), (commands) => {
        const dataDir = mkdtempSync(join(tmpdir(), 'leveret-log-'));
        directories.push(dataDir);
        return run(commands, type, () => openLmdbStore({ dataDir, freeBytesMin: 0 }));
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});

/** Changes a byte of a stored body under the eyes of the store, which reads the same pages. */
function damage(dataDir: string, id: number): void {
  for (const name of readdirSync(dataDir)) {
    if (!/^messages-\d+\.mdb$/.test(name)) continue;
    const path = join(dataDir, name);
    const at = readFileSync(path).indexOf(`${id}:........`);
    if (at < 0) continue;
    const file = openSync(path, 'r+');
    writeSync(file, '/', at + 6);
    closeSync(file);
  }
}

describe.each(['classic', 'quorum'] as const)(
  'the message log of a %s queue on a disk that decays',
  (type) => {
    const perBatch = 10;
    /** Of as many digits as any other. */
    const firstId = 1000;
    let bench: Bench;
    let dataDir: string;
    let appended: number;
    const held: { segment: Segment; index: number }[] = [];

    /** Large enough that segments of the batch before are full, and let go of when it is written. */
    async function append(): Promise<void> {
      for (let i = 0; i < perBatch; i++)
        bench.log.append(messageOf(appended++, true, 100_000), Date.now(), 0);
      await bench.committer.flush();
    }

    function take(count: number): number[] {
      const { log } = bench;
      const ids: number[] = [];
      while (ids.length < count && log.seek()) {
        const { segment, index } = log;
        if (segment === undefined) break;
        ids.push(idAt(log, segment, index));
        log.take();
        held.push({ segment, index });
      }
      return ids;
    }

    beforeEach(async () => {
      dataDir = mkdtempSync(join(tmpdir(), 'leveret-log-'));
      directories.push(dataDir);
      // Without a journal, out of which entries would be moved meanwhile.
      bench = new Bench(await openLmdbStore({ dataDir, freeBytesMin: 0, journalBytes: 0 }), type);
      appended = firstId;
      held.length = 0;
      await append();
      expect(take(perBatch)).toHaveLength(perBatch);
      await append();
    });
    afterEach(() => bench.close());

    test('misses what is damaged while consumers have it', async () => {
      for (let i = 0; i < perBatch; i++) damage(dataDir, firstId + i);
      for (const { segment, index } of held) bench.log.giveBack(segment, index);
      expect(bench.log.readyCount).toBe(2 * perBatch);
      const ids = take(Number.MAX_SAFE_INTEGER);
      expect(bench.missing).toBeGreaterThan(0);
      expect(ids).toHaveLength(2 * perBatch - bench.missing);
      expect(bench.log.readyCount).toBe(0);
    });

    test('misses what is damaged after consumers have given it back', async () => {
      for (const { segment, index } of held) bench.log.giveBack(segment, index);
      await append();
      expect(bench.log.readyCount).toBe(3 * perBatch);
      for (let i = 0; i < perBatch; i++) damage(dataDir, firstId + i);
      const ids = take(Number.MAX_SAFE_INTEGER);
      expect(bench.missing).toBeGreaterThan(0);
      expect(ids).toHaveLength(3 * perBatch - bench.missing);
      const undamaged = Array.from({ length: 2 * perBatch }, (_, i) => firstId + perBatch + i);
      expect(ids.slice(-2 * perBatch)).toEqual(undamaged);
      expect(bench.log.readyCount).toBe(0);
    });
  },
);

test('transient messages that leave memory do not hold a commit up', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'leveret-log-'));
  directories.push(dataDir);
  const store = await openLmdbStore({ dataDir, freeBytesMin: 0 });
  const carried: number[] = [];
  const commit = store.commit.bind(store);
  store.commit = (what) => {
    carried.push(what.entries.reduce((sum, { bytes }) => sum + bytes.length, 0));
    return commit(what);
  };
  const bench = new Bench(store, 'classic');
  const messages = 300;
  const bodyBytes = 100_000;
  for (let i = 0; i < messages; i++) bench.log.append(messageOf(i, false, bodyBytes), Date.now(), 0);
  while (bench.slabs.bytesInUse > 2 ** 20) await bench.committer.flush();
  expect(carried.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(0.9 * messages * bodyBytes);
  expect(Math.max(...carried)).toBeLessThan(5 * 2 ** 20);
  await bench.close();
});
