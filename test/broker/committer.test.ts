import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Committer, type CommitterEvents, lazyCommitMs } from '../../src/broker/committer.ts';
import type { LogContext } from '../../src/broker/log/log-context.ts';
import { MessageLog } from '../../src/broker/log/message-log.ts';
import { SlabPool } from '../../src/broker/log/slab.ts';
import { Message } from '../../src/broker/message.ts';
import { type Commit, MemoryStore, StoreFullError } from '../../src/broker/store.ts';

const properties = Buffer.from([0x10, 0x00, 2]);

/** Takes as long as it is told to for a commit, and says when one starts. */
class SlowStore extends MemoryStore {
  readonly commits: Commit[] = [];
  #started: (() => void) | undefined;
  #finish: (() => void) | undefined;

  override commit(commit: Commit): Promise<void> {
    this.commits.push(commit);
    this.#started?.();
    return new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  started(): Promise<void> {
    return new Promise((resolve) => {
      this.#started = resolve;
    });
  }

  finish(): void {
    this.#finish?.();
  }
}

/** Has room for definitions and states only, until it is told otherwise. */
class FullStore extends MemoryStore {
  isFull = true;
  readonly commits: Commit[] = [];

  override async commit(commit: Commit): Promise<void> {
    if (this.isFull && commit.entries.length > 0) throw new StoreFullError('no room');
    this.commits.push(commit);
  }
}

function logOver(
  store: MemoryStore,
  storeFull: CommitterEvents['storeFull'] = () => expect.unreachable(),
): { log: MessageLog; committer: Committer } {
  const committer = new Committer(store, {
    storeFailed(cause) {
      throw cause;
    },
    storeFull,
  });
  const context: LogContext = {
    store,
    slabs: new SlabPool(),
    slabBytesTarget: Number.POSITIVE_INFINITY,
    logUnwritten: (log) => committer.logUnwritten(log),
    writingAhead: (done) => committer.writingAhead(done),
    logUsed: (log) => committer.logUsed(log),
    reportMissing: () => expect.unreachable(),
  };
  return { log: new MessageLog(context, { id: 1, durable: true, type: 'classic' }), committer };
}

describe('committer', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test('a commit that one publisher waits for may begin before the turn ends', () => {
    const store = new SlowStore();
    const { log, committer } = logOver(store);
    log.append(Message.of('', 'q', properties, Buffer.from('a')), Date.now(), 0);
    committer.hurry();
    expect(store.commits).toHaveLength(0);
    committer.request({ committed() {} });
    committer.hurry();
    expect(store.commits.map(({ entries }) => entries.length)).toEqual([1]);
    committer.hurry();
    expect(store.commits).toHaveLength(1);
  });

  test('what is settled while a long commit is under way is written by the next one', async () => {
    const store = new SlowStore();
    const { log, committer } = logOver(store);
    for (let i = 0; i < 10; i++)
      log.append(Message.of('', 'q', properties, Buffer.from(`${i}`)), Date.now(), 0);
    const first = store.started();
    const waiter = { committed: () => committer.forget(waiter) };
    committer.request(waiter);
    await first;
    for (let i = 0; i < 5; i++) {
      log.seek();
      const { segment, index } = log;
      log.take();
      if (segment !== undefined) log.settle(segment, index);
    }
    // The lazy timer runs out before the commit is done.
    await delay(lazyCommitMs * 2);
    const second = store.started();
    store.finish();
    await second;
    expect(store.commits[1]?.logStates).toEqual([{ logId: 1, readPosition: 5, unsettled: [] }]);
    store.finish();
  });

  test('states go along with messages that keep coming, and by themselves when none come', async () => {
    const store = new MemoryStore();
    const commits = vi.spyOn(store, 'commit');
    const { log, committer } = logOver(store);
    const append = () => log.append(Message.of('', 'q', properties, Buffer.from('body')), Date.now(), 0);
    const settleOne = () => {
      log.seek();
      const { segment, index } = log;
      log.take();
      if (segment !== undefined) log.settle(segment, index);
    };
    /** Time passes, and what became due in it is done. */
    const pass = async (ms: number) => {
      for (let i = 0; i < ms; i++) {
        vi.advanceTimersByTime(1);
        for (let turn = 0; turn < 3; turn++) await setImmediate();
      }
    };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    append();
    await committer.flush();
    for (let ms = 0; ms < lazyCommitMs * 3; ms += 5) {
      append();
      settleOne();
      await committer.flush();
      await pass(5);
    }
    const withMessages = commits.mock.calls.map(([commit]) => commit);
    expect(withMessages.every(({ entries }) => entries.length > 0)).toBe(true);
    expect(withMessages.filter(({ logStates }) => logStates.length > 0).length).toBeGreaterThan(1);
    settleOne();
    await pass(lazyCommitMs * 2 + 1);
    expect(commits.mock.lastCall?.[0]).toMatchObject({
      entries: [],
      logStates: [{ readPosition: log.nextSequence }],
    });
    // Nothing wakes up any more.
    expect(vi.getTimerCount()).toBe(0);
    await committer.close();
  });

  test('states that wait for messages are written when they are asked for, and at the end', async () => {
    const store = new MemoryStore();
    const commits = vi.spyOn(store, 'commit');
    const { log, committer } = logOver(store);
    for (let i = 0; i < 2; i++)
      log.append(Message.of('', 'q', properties, Buffer.from('body')), Date.now(), 0);
    await committer.flush();
    for (const write of [() => committer.flushStates(), () => committer.close()]) {
      log.seek();
      log.take();
      await write();
      expect(commits.mock.lastCall?.[0].logStates[0]?.readPosition).toBe(log.readPosition);
    }
    expect(log.readPosition).toBe(2);
  });

  test('what a full store refuses waits for room, and definitions do not', async () => {
    const store = new FullStore();
    let refused: () => void = () => {};
    const isRefused = new Promise<void>((resolve) => {
      refused = resolve;
    });
    const events: boolean[] = [];
    const { log, committer } = logOver(store, (cause) => {
      events.push(cause !== undefined);
      refused();
    });
    const append = (body: string) =>
      log.append(Message.of('', 'q', properties, Buffer.from(body)), Date.now(), 0);
    append('first');
    committer.define(['vhost', 'v'], {});
    let isFlushed = false;
    const flushed = committer.flush().then(() => {
      isFlushed = true;
    });
    await isRefused;
    append('second');
    await setImmediate();
    expect(store.commits.map(({ entries, definitions }) => [entries.length, definitions.length])).toEqual([
      [0, 1],
    ]);
    expect([isFlushed, committer.isFull]).toEqual([false, true]);
    store.isFull = false;
    await flushed;
    expect(store.commits.at(-1)?.entries).toMatchObject([{ logId: 1, firstSequence: 0, count: 2 }]);
    expect([committer.isFull, events]).toEqual([false, [true, false]]);
    await committer.close();
  });
});
