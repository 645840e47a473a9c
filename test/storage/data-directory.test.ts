import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { RowTable, type Store } from '../../src/broker/store.ts';
import type { DamagedEntry } from '../../src/storage/entries/entry-reader.ts';
import { type LmdbStoreOptions, openLmdbStore } from '../../src/storage/lmdb-store.ts';
import { CrashModel } from './crash/model.ts';
import { WriterProcess } from './crash/writer-process.ts';
import {
  bodyOf,
  CollectedLog,
  commitOf,
  messages,
  newDirectory,
  recordsOf,
  removeDirectories,
} from './support.ts';

let dataDir: string;
const log = new CollectedLog();

beforeEach(() => {
  dataDir = newDirectory();
  log.lines.length = 0;
});
afterAll(removeDirectories);

/** Without a journal (see `journal.test.ts`), so that entries are where they are looked for. */
function open(options: Partial<LmdbStoreOptions> = {}): Promise<Store> {
  return openLmdbStore({ dataDir, generationBytes: 100_000, journalBytes: 0, log, ...options });
}

function file(name: string): string {
  return join(dataDir, name);
}

/** A closed store with messages 0 to `count` of log 1, 10 KB each, over several generations. */
async function filled(count: number): Promise<void> {
  const store = await open();
  store.recover();
  for (let i = 0; i < count; i++) await store.commit(commitOf({ entries: [messages(1, i, 1, 10_000)] }));
  await store.close();
}

describe('the lock', () => {
  it('keeps a second opener of the same process out', async () => {
    const store = await open();
    await expect(open()).rejects.toThrow(`${dataDir} is in use by process ${process.pid}`);
    await store.close();
    await (await open()).close();
    expect(readdirSync(dataDir).filter((name) => name.startsWith('lock'))).toEqual([]);
  });

  it('keeps other processes out, and is taken over when its owner was killed', async () => {
    const model = new CrashModel();
    const writer = new WriterProcess({ dataDir, generationBytes: 1e6, seed: 1, run: 1 }, model);
    await writer.next('recovered');
    const { pid } = JSON.parse(readFileSync(file('lock'), 'utf8'));
    await expect(open()).rejects.toThrow(`in use by process ${pid}`);
    await writer.kill();
    await (await open()).close();
    const store = await open();
    expect(store.recover().cleanShutdown).toBe(false);
    await store.close();
  });

  it('is not fooled by a lock file that is left over', async () => {
    writeFileSync(file('lock'), 'rubbish');
    await (await open()).close();
    writeFileSync(
      file('lock'),
      JSON.stringify({ pid: 1, bootId: 'x', startTime: '1', pidNamespace: '', token: 'x' }),
    );
    await (await open()).close();
    writeFileSync(file('lock.sock'), '');
    await (await open()).close();
  });
});

describe('the directory', () => {
  it('of a newer format is refused', async () => {
    await filled(1);
    writeFileSync(file('format.json'), '{"format":6}');
    await expect(open()).rejects.toThrow(
      'format.json says format 6, written by a newer Leveret; this one knows formats up to 5',
    );
  });

  it('whose first start was cut short is begun anew', async () => {
    writeFileSync(file('format.json.new'), '{"form');
    await filled(1);
    expect(JSON.parse(readFileSync(file('format.json'), 'utf8'))).toEqual({
      format: 5,
      journal: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
  });

  it('without or with a damaged format file is refused', async () => {
    await filled(1);
    writeFileSync(file('format.json'), '');
    await expect(open()).rejects.toThrow('format.json is damaged');
    execFileSync('rm', [file('format.json')]);
    await expect(open()).rejects.toThrow('holds data but no format.json');
  });

  it('that is a file is refused', async () => {
    writeFileSync(file('plain'), '');
    await expect(open({ dataDir: file('plain') })).rejects.toThrow('plain cannot be written to');
  });

  it.skipIf(process.getuid?.() === 0)('that is read-only is refused', async () => {
    mkdirSync(file('sealed'));
    chmodSync(file('sealed'), 0o500);
    await expect(open({ dataDir: file('sealed') })).rejects.toThrow('sealed cannot be written to');
  });

  it('on a disk with too little space is refused', async () => {
    await expect(open({ freeBytesMin: 2 ** 60 })).rejects.toThrow(
      /MiB of free disk space, at least 1099511627776 MiB/,
    );
  });
});

describe('damaged files', () => {
  it('of the newest generation whose creation was cut short are replaced', async () => {
    await filled(5);
    for (const remnant of ['', Buffer.alloc(8192)]) {
      writeFileSync(file('messages-00000009.mdb'), remnant);
      const store = await open();
      expect(store.recover().logs.get(1)?.unreadCount).toBe(5);
      await store.close();
    }
    writeFileSync(file('messages-00000009.mdb'), Buffer.alloc(8192, 7));
    const store = await open();
    expect(store.recover().logs.get(1)?.unreadCount).toBe(5);
    await store.close();
    expect(existsSync(file('messages-00000009.mdb.damaged'))).toBe(true);
    expect(log.lines.join()).toMatch('as if its creation had been cut short');
  });

  it.each(['messages-00000001.mdb', 'messages-00000003.mdb', 'logs.mdb', 'rows.mdb'])(
    'that were in use refuse the start and are named: %s',
    async (name) => {
      await filled(40);
      const size = readFileSync(file(name)).length;
      writeFileSync(file(name), Buffer.alloc(size, 0x5a));
      await expect(open()).rejects.toThrow(`${name} is damaged: the file does not start with an LMDB page`);
      truncateSync(file(name), 0);
      await expect(open()).rejects.toThrow(`${name} is damaged: the file is empty`);
    },
  );

  it('refuse the start even in the newest generation when it is too large for a beginning', async () => {
    await filled(5);
    writeFileSync(file('messages-00000001.mdb'), Buffer.alloc(100_000));
    await expect(open()).rejects.toThrow('messages-00000001.mdb is damaged');
  });

  it('that are cut short refuse the start instead of killing it', async () => {
    await filled(40);
    truncateSync(file('messages-00000002.mdb'), 40_960);
    await expect(open()).rejects.toThrow(/messages-00000002.mdb is damaged: reading it failed \(SIGBUS\)/);
  });

  it('are read without touching the lock files of a broker that may have come meanwhile', async () => {
    await filled(40);
    truncateSync(file('messages-00000002.mdb'), 40_960);
    execFileSync('sh', ['-c', `rm '${dataDir}'/*-lock`]);
    await expect(open()).rejects.toThrow('reading it failed');
    expect(readdirSync(dataDir).filter((name) => name.includes('lock') || name === 'probe')).toEqual([]);
  });

  it('that are missing refuse the start', async () => {
    await filled(40);
    execFileSync('mv', [file('logs.mdb'), file('logs.away')]);
    await expect(open()).rejects.toThrow('logs.mdb is damaged: the file is missing');
    execFileSync('mv', [file('logs.away'), file('logs.mdb')]);
    execFileSync('sh', ['-c', `rm '${dataDir}'/messages-*`]);
    await expect(open()).rejects.toThrow('messages-00000001.mdb is missing: restore');
  });

  it.each(['messages-00000001.mdb', 'messages-00000003.mdb'])(
    'that are missing are done without when the operator says so: %s',
    async (name) => {
      await filled(40);
      renameSync(file(name), file('away'));
      for (let i = 0; i < 2; i++) await expect(open()).rejects.toThrow(`${name} is missing: restore`);
      renameSync(file('away'), file(`${name}.damaged`));
      const store = await open();
      expect(store.recover().cleanShutdown).toBe(true);
      expect(store.damagedCount).toBe(1);
      expect(log.lines.join()).toContain(`${name} was set aside: the messages in it are lost`);
      await store.close();
      const again = await open();
      again.recover();
      expect(again.damagedCount).toBe(0);
      await again.close();
    },
  );
});

describe('a file whose pages are damaged although it looks whole', () => {
  function wipePages(name: string): void {
    const content = readFileSync(file(name));
    writeFileSync(file(name), content.fill(0, 2 * 4096));
  }

  it('is named', async () => {
    const store = await open();
    store.recover();
    const value = Buffer.alloc(100);
    for (let i = 0; i < 10; i++) {
      await store.commit(commitOf({ rows: [{ key: Buffer.from([RowTable.Definitions + 1, i]), value }] }));
    }
    await store.close();
    wipePages('rows.mdb');
    const opened = open().then((damaged) => damaged.recover());
    await expect(opened).rejects.toThrow(/rows\.mdb is damaged: page \d+ is not .*restore the data/);
  });

  it('is named after a crash, be it a generation with a summary or the newest', async () => {
    await filled(25);
    const generations = readdirSync(dataDir).filter((name) => /^messages-.*mdb$/.test(name));
    for (const name of [generations.sort()[0] ?? '', generations.at(-1) ?? '']) {
      const whole = readFileSync(file(name));
      wipePages(name);
      writeFileSync(file('lock'), '');
      await expect(open()).rejects.toThrow(
        /messages-\d+\.mdb is damaged: page \d+ is not what was written there/,
      );
      writeFileSync(file(name), whole);
    }
    writeFileSync(file('lock'), '');
    const store = await open();
    expect(store.recover().logs.get(1)?.unreadCount).toBe(25);
    await store.close();
  });

  it.each(['rows.mdb', 'logs.mdb'])(
    'is named, whichever page of %s it is, and no row is missed',
    async (name) => {
      const definitions = Array.from({ length: 60 }, (_, i) => ({
        key: ['queue', '/', `q${i}`],
        value: 'x'.repeat(500),
      }));
      const store = await open();
      store.recover();
      await store.commit(commitOf({ definitions }));
      const logStates = Array.from({ length: 300 }, (_, i) => ({
        logId: i + 1,
        readPosition: 7,
        unsettled: [],
      }));
      await store.commit(commitOf({ logStates }));
      await store.close();
      const whole = readFileSync(file(name));
      let refused = 0;
      for (let at = 0; at < whole.length; at += 4096) {
        writeFileSync(file(name), Buffer.from(whole).fill('\x02\x9b\x11', at, at + 4096, 'latin1'));
        try {
          const opened = await open();
          await opened.close();
        } catch (error) {
          expect(String(error)).toMatch(`${name} is damaged`);
          refused++;
        }
        // What is left of a page that is free makes no difference.
        writeFileSync(file(name), whole);
      }
      expect(refused).toBeGreaterThan(5);
    },
  );
});

describe('a damaged entry', () => {
  /** Flips one bit of the body of a message. */
  function damage(sequence: number): void {
    const body = Buffer.from(bodyOf(1, sequence, 10_000));
    for (const name of readdirSync(dataDir).filter(
      (found) => found.startsWith('messages') && found.endsWith('.mdb'),
    )) {
      const content = readFileSync(file(name));
      const at = content.indexOf(body);
      if (at < 0) continue;
      content.writeUInt8(content.readUInt8(at + 5000) ^ 1, at + 5000);
      writeFileSync(file(name), content);
    }
  }

  it('is reported, set aside and not delivered; the others are', async () => {
    await filled(5);
    damage(2);
    const damages: DamagedEntry[] = [];
    const store = await open({ onDamage: (found) => damages.push(found) });
    store.recover();
    for (let i = 0; i < 2; i++) {
      expect(recordsOf(store.read(1, 0, 9, 1e9)).map(({ sequence }) => sequence)).toEqual([0, 1, 3, 4]);
    }
    expect(damages.map(({ logId, firstSequence, count }) => [logId, firstSequence, count])).toEqual([
      [1, 2, 1],
    ]);
    await store.close();
    expect(log.lines.join()).toMatch('1 messages of log 1 from sequence 2 on are damaged');
    expect(readFileSync(file('damaged/log-1-sequence-2-count-1.bin')).length).toBe(10_028);
  });
});

describe('a file that somebody deletes while it is in use', () => {
  it('takes nothing more, since that would be lost', async () => {
    const store = await open();
    store.recover();
    await store.commit(commitOf({ entries: [messages(1, 0, 1)] }));
    renameSync(file('messages-00000001.mdb'), file('away'));
    const commit = commitOf({ entries: [messages(1, 1, 1)] });
    await expect(store.commit(commit)).rejects.toMatchObject({
      name: 'StoreFullError',
      message: expect.stringMatching(/messages-00000001\.mdb cannot be found any more/),
    });
    expect(store.read(1, 0, 9, 1e9)).toHaveLength(1);
    renameSync(file('away'), file('messages-00000001.mdb'));
    await store.commit(commit);
    await store.close();
  });
});

describe('the free space', () => {
  it('that would become too little refuses entries, not acknowledgements', async () => {
    const { bavail, bsize } = statfsSync(dataDir);
    const tight = await open({ freeBytesMin: bavail * bsize - 400 * 2 ** 20 });
    tight.recover();
    const big = { ...messages(1, 0, 1), bytes: Buffer.alloc(450 * 2 ** 20) };
    await expect(tight.commit(commitOf({ entries: [big] }))).rejects.toMatchObject({
      name: 'StoreFullError',
    });
    await tight.commit(commitOf({ logStates: [{ logId: 1, readPosition: 1, unsettled: [] }] }));
    await tight.commit(commitOf({ entries: [messages(1, 0, 1)] }));
    await tight.close();
  });
});
