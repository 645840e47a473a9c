/** What tests of a store do with it again and again. Apart from `support.ts`, which also runs without Vitest. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { LogState, Store } from '../../src/broker/store.ts';
import { bodyOf, commitOf, messages, recordsOf } from './support.ts';

/** Commits messages one by one. */
export async function publish(
  store: Store,
  logId: number,
  from: number,
  count: number,
  bodyBytes: number,
): Promise<void> {
  for (let i = from; i < from + count; i++) {
    await store.commit(commitOf({ entries: [messages(logId, i, 1, bodyBytes)] }));
  }
}

/** Settles what is below the read position, but for some of it. */
export async function consume(
  store: Store,
  logId: number,
  readPosition: number,
  unsettled: LogState['unsettled'] = [],
): Promise<void> {
  await store.commit(commitOf({ logStates: [{ logId, readPosition, unsettled }] }));
}

/** What can be read of a log; each record has to have the body it was written with. */
export function sequencesOf(store: Store, logId: number, below = 10_000): number[] {
  const records = recordsOf(store.read(logId, 0, below, Number.POSITIVE_INFINITY));
  for (const { sequence, body } of records) expect(body).toBe(bodyOf(logId, sequence, body.length));
  return records.map(({ sequence }) => sequence);
}

export function range(from: number, below: number): number[] {
  return Array.from({ length: below - from }, (_, i) => from + i);
}

/** Whether a body is in the file of a generation, not in one that the journal has written. */
export function isInGeneration(dataDir: string, body: string): boolean {
  return readdirSync(dataDir)
    .filter((name) => /^messages-\d+\.mdb$/.test(name))
    .some((name) => readFileSync(join(dataDir, name)).includes(body));
}
