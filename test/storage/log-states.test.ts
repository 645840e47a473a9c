import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogState } from '../../src/broker/store.ts';
import { LogIndex } from '../../src/storage/entries/log-index.ts';
import { type Environment, openEnvironment } from '../../src/storage/lmdb/environment.ts';
import { LogStateTable, prepareLogState } from '../../src/storage/states/log-state-table.ts';

const logId = 7;

describe('states of logs', () => {
  let directory: string;
  let environment: Environment;
  let table: LogStateTable;
  let flushes: number;

  function openTable(): LogStateTable {
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    const opened = new LogStateTable(environment, [], new LogIndex(), log, () => flushes++);
    opened.recover();
    return opened;
  }

  async function write(state: Omit<LogState, 'logId'>): Promise<void> {
    table.stage([prepareLogState({ logId, ...state })], []);
    await table.flush();
  }

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'leveret-states-'));
    environment = openEnvironment(join(directory, 'logs.mdb'), 2 ** 24);
    flushes = 0;
    table = openTable();
  });

  afterEach(async () => {
    await environment.close();
    await rm(directory, { recursive: true });
  });

  it('are not written again while they are as they were', async () => {
    await write({ readPosition: 5, unsettled: [] });
    expect(flushes).toBe(1);
    await write({ readPosition: 5, unsettled: [] });
    expect(flushes).toBe(1);
    await write({ readPosition: 6, unsettled: [] });
    expect(flushes).toBe(2);
  });

  it('are written whatever has changed in them', async () => {
    const states = [
      { readPosition: 5, unsettled: [] },
      { readPosition: 5, unsettled: [{ firstSequence: 1, count: 2 }] },
      { readPosition: 5, unsettled: [{ firstSequence: 2, count: 1 }] },
      { readPosition: 5, unsettled: [], attachment: { a: 1 } },
      { readPosition: 5, unsettled: [], attachment: { a: 2 } },
      { readPosition: 5, unsettled: [] },
    ];
    for (const state of states) {
      await write(state);
      expect(openTable().recover().get(logId)).toEqual({ logId, ...state });
    }
  });

  it('are written when they come back to what is on disk while another one is on the way there', async () => {
    const first = { logId, readPosition: 5, unsettled: [], attachment: { a: 1 } };
    const second = { ...first, attachment: { a: 2 } };
    table.stage([prepareLogState(first)], []);
    await table.flush();
    table.stage([prepareLogState(second)], []);
    const flushing = table.flush();
    table.stage([prepareLogState(first)], []);
    await flushing;
    expect(openTable().recover().get(logId)).toEqual(first);
  });
});
