import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Definition, type Recovered, RowTable, type Store } from '../../src/broker/store.ts';
import { type Environment, openEnvironment, transact } from '../../src/storage/lmdb/environment.ts';
import { openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { commitOf, copyOf, messages, newDirectory, recordsOf, removeDirectories } from './support.ts';

const MAP_BYTES = 2 ** 24;
const oldFormats = ['{"format":1}\n', '{"format":2,"journal":"0123456789abcdef"}\n'] as const;
const newFormat = '{"format":5,"journal":"0123456789abcdef"}\n';

/** One is long enough to lie in pieces, and one has a key that is longer than those of rows ever were. */
const definitions: readonly Definition[] = [
  { key: ['exchange', '/', 'x'.repeat(255)], value: { type: 'topic' } },
  { key: ['parameter', '/', 'long'], value: 'y'.repeat(5000) },
  { key: ['queue', '/', 'q'], value: { logIds: [1] } },
];
const row = { key: Buffer.from([RowTable.Delayed, 7]), value: Buffer.from('later') };

let dataDir: string;
let store: Store | undefined;

beforeEach(() => {
  dataDir = newDirectory();
});
afterEach(async () => {
  await store?.close();
  store = undefined;
});
afterAll(removeDirectories);

function path(name: string): string {
  return join(dataDir, name);
}

async function open(options: { journalBytes?: number } = {}): Promise<Recovered> {
  store = await openLmdbStore({ dataDir, generationBytes: 2 ** 24, ...options });
  return store.recover();
}

async function change(name: string, action: (environment: Environment) => void): Promise<void> {
  const environment = openEnvironment(path(name), MAP_BYTES);
  await transact(environment, () => action(environment));
  await environment.close();
}

/** Definitions in a file of their own, as they were up to version 2; no journal, as in version 1. */
async function oldDirectory(format: string): Promise<void> {
  await open({ journalBytes: 0 });
  const parts = { definitions, rows: [row], entries: [messages(1, 0, 5)] };
  await store?.commit(commitOf(parts));
  await store?.commit(commitOf({ logStates: [{ logId: 1, readPosition: 2, unsettled: [] }] }));
  await store?.close();
  for (const name of readdirSync(dataDir)) if (name.endsWith('.wal')) rmSync(path(name));
  const found: [Buffer, Buffer][] = [];
  await change('rows.mdb', (rows) => {
    const range = {
      start: Buffer.from([RowTable.Definitions]),
      end: Buffer.from([RowTable.Definitions + 1]),
    };
    for (const { key, value } of rows.getRange(range)) {
      found.push([Buffer.from(key.subarray(1)), Buffer.from(value.subarray(1))]);
      rows.remove(key);
    }
  });
  await change('definitions.mdb', (old) => {
    old.put(Buffer.from([0]), Buffer.from('{}'));
    for (const [key, value] of found) old.put(key, key.includes('long') ? longValue() : value);
  });
  writeFileSync(path('format.json'), format);
}

function longValue(): Buffer {
  return Buffer.from(JSON.stringify(definitions[1]?.value));
}

/** What an upgrade copies first: not all of it yet, and something that the old version has deleted since. */
async function copiedBefore(): Promise<void> {
  const stale = Buffer.concat([Buffer.from([RowTable.Definitions]), Buffer.from('queue\0/\0gone\0')]);
  await change('rows.mdb', (rows) => void rows.put(stale, Buffer.from('\0{"logIds":[9]}')));
}

/** The upgrade is done but for the old file. */
async function notRemoved(): Promise<void> {
  const old = copyOf(dataDir);
  await open();
  await store?.close();
  const name = 'definitions.mdb';
  writeFileSync(path(name), readFileSync(join(old, name)));
}

const interruptions: readonly (readonly [string, () => void | Promise<void>])[] = [
  ['before it began', () => {}],
  ['while definitions were copied', copiedBefore],
  ['while the new format was written', () => writeFileSync(path('format.json.new'), '{"format":5,"jour')],
  ['before the old file was removed', notRemoved],
  ['while the journal was made', () => writeFileSync(path('journal-01.wal'), Buffer.alloc(4096))],
];

describe.each(oldFormats)('a data directory of the format %s', (format) => {
  it.each(interruptions)('is upgraded, also when that was interrupted %s', async (_when, interrupt) => {
    await oldDirectory(format);
    await interrupt();
    const recovered = await open();
    expect(recovered.definitions).toEqual(definitions);
    expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 3, nextSequence: 5 });
    expect(store?.row(row.key)).toEqual(row.value);
    await store?.commit(commitOf({ entries: [messages(1, 5, 1)] }));
    expect(recordsOf(store?.read(1, 2, 9, 1e6) ?? []).map(({ sequence }) => sequence)).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('definitions'))).toEqual([]);
    const written: unknown = JSON.parse(readFileSync(path('format.json'), 'utf8'));
    expect(written).toMatchObject({ format: 5 });
    if (format.includes('journal')) expect(written).toEqual(JSON.parse(newFormat));
  });

  it('is refused, and left as it is, without its definitions', async () => {
    await oldDirectory(format);
    rmSync(path('definitions.mdb'));
    await expect(open()).rejects.toThrow('definitions.mdb is damaged: the file is missing');
    expect(readFileSync(path('format.json'), 'utf8')).toBe(format);
    expect(existsSync(path('definitions.mdb'))).toBe(false);
  });
});

it('a data directory of the format 3 has nothing to convert', async () => {
  await oldDirectory(oldFormats[1]);
  await open();
  await store?.close();
  writeFileSync(path('format.json'), newFormat.replace('5', '3'));
  const recovered = await open();
  expect(recovered.definitions).toEqual(definitions);
  expect(recovered.logs.get(1)).toMatchObject({ unreadCount: 3, nextSequence: 5 });
  expect(readFileSync(path('format.json'), 'utf8')).toBe(newFormat);
});
