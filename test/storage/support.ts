import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordFlag, RecordOffset, recordHeaderBytes } from '../../src/broker/log/record.ts';
import type { Commit, LogEntry, StoredEntry } from '../../src/broker/store.ts';
import type { StoreLog } from '../../src/storage/store-log.ts';

let directories: string[] = [];

/** A data directory that {@link removeDirectories} takes away. */
export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'leveret-storage-'));
  directories.push(directory);
  return directory;
}

/** A copy of a data directory in use: what its broker would leave behind if it were killed now. */
export function copyOf(dataDir: string): string {
  const copy = newDirectory();
  cpSync(dataDir, copy, { recursive: true, filter: (path) => !/lock(\.sock)?$/.test(path) });
  return copy;
}

/** Leaves a directory to whoever wants to know what went wrong in it. */
export function keepDirectory(directory: string): void {
  directories = directories.filter((other) => other !== directory);
}

export function removeDirectories(): void {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}

export interface TestRecord {
  readonly body: string;
  readonly persistent?: boolean;
}

/** An entry of records with the given bodies; persistent unless said otherwise. */
export function entry(logId: number, firstSequence: number, records: readonly TestRecord[]): LogEntry {
  const parts = records.map((record, i) => encodeRecord(firstSequence + i, record));
  const persistent = records.filter((record) => record.persistent !== false);
  return {
    logId,
    firstSequence,
    count: records.length,
    persistentCount: persistent.length,
    persistentBodyBytes: persistent.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0),
    bytes: Buffer.concat(parts),
  };
}

function encodeRecord(sequence: number, { body, persistent = true }: TestRecord): Buffer {
  const bytes = Buffer.from(body);
  const header = Buffer.alloc(recordHeaderBytes);
  header.writeUInt32BE(recordHeaderBytes + bytes.length, RecordOffset.Size);
  header.writeUInt32BE(sequence % 2 ** 32, RecordOffset.SequenceLow);
  header.writeUInt8(persistent ? RecordFlag.Persistent : 0, RecordOffset.Flags);
  header.writeUInt32BE(bytes.length, RecordOffset.BodySize);
  return Buffer.concat([header, bytes]);
}

/** `count` persistent records whose bodies say which they are. */
export function messages(logId: number, firstSequence: number, count: number, bodyBytes = 20): LogEntry {
  const records = Array.from({ length: count }, (_, i) => ({
    body: bodyOf(logId, firstSequence + i, bodyBytes),
  }));
  return entry(logId, firstSequence, records);
}

export function bodyOf(logId: number, sequence: number, bodyBytes = 20): string {
  return `${logId}:${sequence}:`.padEnd(bodyBytes, '.');
}

/** Sequence and body of every record in entries that were read back. */
export function recordsOf(
  entries: readonly StoredEntry[],
): { sequence: number; body: string; persistent: boolean }[] {
  const records: { sequence: number; body: string; persistent: boolean }[] = [];
  for (const { firstSequence, count, bytes } of entries) {
    let at = 0;
    for (let i = 0; i < count; i++) {
      const size = bytes.readUInt32BE(at + RecordOffset.Size);
      const body = bytes.toString('utf8', at + recordHeaderBytes, at + size);
      const persistent = (bytes.readUInt8(at + RecordOffset.Flags) & RecordFlag.Persistent) !== 0;
      records.push({ sequence: firstSequence + i, body, persistent });
      at += size;
    }
  }
  return records;
}

export function commitOf(parts: Partial<Commit>): Commit {
  return { entries: [], rows: [], definitions: [], logStates: [], droppedLogs: [], ...parts };
}

/** Collects what the store has to say. */
export class CollectedLog implements StoreLog {
  readonly lines: string[] = [];

  info(message: string): void {
    this.lines.push(message);
  }

  warn(message: string): void {
    this.lines.push(message);
  }

  error(message: string): void {
    this.lines.push(message);
  }
}
