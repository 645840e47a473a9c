import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AccessControl } from '../../src/access/access-control.ts';
import { Administration } from '../../src/administration/administration.ts';
import { Broker } from '../../src/broker/broker.ts';
import { systemClock } from '../../src/broker/clock.ts';
import { type Commit, MemoryStore } from '../../src/broker/store.ts';
import { silentLogger } from '../../src/logger.ts';

/** A disk that is done when a test says so. */
class SlowStore extends MemoryStore {
  isSlow = false;
  readonly committed: Commit[] = [];
  #finish: (() => void) | undefined;
  #began: (() => void) | undefined;

  override async commit(commit: Commit): Promise<void> {
    if (this.isSlow) {
      this.#began?.();
      await new Promise<void>((resolve) => {
        this.#finish = resolve;
      });
    }
    this.committed.push(commit);
  }

  /** Resolves when a commit is under way. */
  began(): Promise<void> {
    return new Promise((resolve) => {
      this.#began = resolve;
    });
  }

  finish(): void {
    this.isSlow = false;
    this.#finish?.();
  }
}

let store: SlowStore;
let broker: Broker;
let administration: Administration;

beforeEach(async () => {
  store = new SlowStore();
  broker = Broker.open(store, systemClock, {
    storeFailed() {},
    storeFull() {},
    messagesMissing() {},
    queueUnreadable() {},
  });
  const access = new AccessControl({ define: (key, value) => broker.define(key, value) });
  const connections = { closeConnections() {} };
  administration = await Administration.open({
    broker,
    access,
    nodeName: 'leveret@test',
    connections,
    log: silentLogger,
  });
  await administration.users.put({ name: 'ann', password: 'secret' });
  await administration.vhosts.put({ name: 'v' });
  await administration.users.setLimits('guest', { 'max-channels': 5 });
  await administration.vhostLimits.set('/', { 'max-queues': 5 });
  await administration.parameters.putGlobal({ name: 'there', value: 1 });
  await administration.policies.setPolicy({ name: 'p', pattern: '', definition: { 'max-length': 1 } });
  const topic = { vhost: '/', user: 'guest', exchange: 'amq.topic', write: '', read: '' };
  await administration.topicPermissions.put(topic);
});

afterEach(() => broker.close());

const row = { vhost: '/', user: 'ann', configure: '', write: '', read: '' };

describe('an answer waits for the disk', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['users.put', () => administration.users.put({ name: 'bob', passwordHash: '' })],
    ['users.setPassword', () => administration.users.setPassword('ann', 'other')],
    ['users.clearPassword', () => administration.users.clearPassword('ann')],
    ['users.setTags', () => administration.users.setTags('ann', ['management'])],
    ['users.setLimits', () => administration.users.setLimits('ann', { 'max-connections': 1 })],
    ['users.clearLimits', () => administration.users.clearLimits('guest')],
    ['users.delete', () => administration.users.delete('ann')],
    ['permissions.put', () => administration.permissions.put(row)],
    ['permissions.delete', () => administration.permissions.delete('/', 'guest')],
    ['topicPermissions.put', () => administration.topicPermissions.put({ ...row, exchange: 'x' })],
    ['topicPermissions.delete', () => administration.topicPermissions.delete('/', 'guest')],
    ['vhosts.put', () => administration.vhosts.put({ name: 'w' })],
    ['vhosts.delete', () => administration.vhosts.delete('v')],
    ['vhostLimits.set', () => administration.vhostLimits.set('v', { 'max-queues': 1 })],
    ['vhostLimits.clear', () => administration.vhostLimits.clear('/')],
    ['parameters.putGlobal', () => administration.parameters.putGlobal({ name: 'new', value: 1 })],
    ['parameters.deleteGlobal', () => administration.parameters.deleteGlobal('there')],
    [
      'policies.setPolicy',
      () => administration.policies.setPolicy({ name: 'q', pattern: '', definition: { 'max-length': 1 } }),
    ],
    ['policies.clearPolicy', () => administration.policies.clearPolicy('p')],
  ])('%s', async (_name, change) => {
    store.isSlow = true;
    const before = store.committed.length;
    const began = store.began();
    let isAnswered = false;
    const answer = change().then(() => {
      isAnswered = true;
    });
    await began;
    await new Promise((resolve) => setImmediate(resolve));
    expect(isAnswered).toBe(false);
    store.finish();
    await answer;
    expect(store.committed.length).toBeGreaterThan(before);
    expect(store.committed.slice(before).flatMap(({ definitions }) => definitions)).not.toEqual([]);
  });
});
