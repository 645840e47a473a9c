import { decodeEntryKey, entryIsIntact } from '../entries/entry-key.ts';
import { ForwardReader } from './forward-reader.ts';
import {
  alignUp,
  type BlockHeader,
  BlockKind,
  blockAlignmentBytes,
  decodeHeader,
  headBytes,
  keysAreIntact,
  keysIn,
} from './journal-block.ts';
import type { JournalFile } from './journal-file.ts';
import { JournalFill } from './journal-fill.ts';

/** A stretch of a journal file in which there were commits that cannot be read any more. */
export interface DamagedStretch {
  readonly path: string;
  readonly offset: number;
  readonly bytes: Buffer;
}

/** What a journal file was found to hold. */
export interface FoundFill {
  readonly fill: JournalFill;
  /** Nothing in it counts. */
  readonly isFree: boolean;
  /** Above the number of every block that was ever begun here. */
  readonly nextNumber: number;
  readonly damage: readonly DamagedStretch[];
}

/** A block whose keys are as they were written. */
interface FoundBlock {
  readonly at: number;
  readonly head: Buffer;
  readonly byteLength: number;
}

/**
 * Reads the blocks of a file in the order in which they were written. Only of the last one it is doubtful whether it
 * was written whole: if not, nobody was told of it, and it does not count. What is broken before that is damage, and so
 * is the lack of an end.
 * Whether a value is what was written is seen when it is read.
 *
 * @returns undefined when not a single block can be read.
 */
export function readFill(file: JournalFile, journalId: Buffer): FoundFill | undefined {
  const forward = new ForwardReader(file);
  const first = headerAt(forward, 0, journalId);
  if (first?.kind === BlockKind.Free) {
    const fill = new JournalFill(file, first.fill, true);
    return { fill, isFree: true, nextNumber: first.number, damage: [] };
  }
  const number = first?.fill ?? newestFill(file, journalId);
  if (number === undefined) return undefined;

  const fill = new JournalFill(file, number, true);
  const damage: DamagedStretch[] = [];
  let nextNumber = number + 1;
  let last: FoundBlock | undefined;
  let unreadableFrom: number | undefined;
  /** It says itself where it ends. */
  let isEnded = false;
  /** What comes now proves that everything before it was written whole. */
  const goOnAt = (at: number) => {
    if (last !== undefined) take(fill, last);
    last = undefined;
    if (unreadableFrom !== undefined) damage.push(stretch(file, unreadableFrom, at));
    unreadableFrom = undefined;
  };
  for (let at = 0; at < file.size && !isEnded; ) {
    const header = headerAt(forward, at, journalId);
    const isOfFill = header?.fill === number;
    if (isOfFill) nextNumber = Math.max(nextNumber, header.number + 1);
    const block =
      isOfFill && header.kind === BlockKind.Commit ? blockAt(file, forward, at, header) : undefined;
    isEnded = isOfFill && header.kind === BlockKind.End;
    if (block !== undefined || isEnded) {
      goOnAt(at);
      last = block;
    } else {
      unreadableFrom ??= at;
    }
    at += block?.byteLength ?? blockAlignmentBytes;
  }
  if (!isEnded && first !== undefined && file.size < first.fileBytes) {
    unreadableFrom ??= file.size;
    goOnAt(file.size);
  }
  if (last !== undefined && isWhole(file, last)) take(fill, last);
  fill.isEnded = isEnded;
  return { fill, isFree: false, nextNumber, damage };
}

function take(fill: JournalFill, { at, head, byteLength }: FoundBlock): void {
  fill.end = at;
  fill.add(head, byteLength);
}

function headerAt(file: ForwardReader, at: number, journalId: Buffer): BlockHeader | undefined {
  return decodeHeader(file.read(at, headBytes(0)), journalId);
}

function blockAt(
  { size }: JournalFile,
  forward: ForwardReader,
  at: number,
  header: BlockHeader,
): FoundBlock | undefined {
  const byteLength = alignUp(header.byteLength);
  if (at + byteLength > size || headBytes(header.entries) > byteLength) return undefined;
  // It is kept.
  const head = Buffer.from(forward.read(at, headBytes(header.entries)));
  return keysAreIntact(head, header) ? { at, head, byteLength } : undefined;
}

function isWhole(file: JournalFile, { at, head }: FoundBlock): boolean {
  let valueAt = at + head.length;
  for (const key of keysIn(head)) {
    const { byteLength } = decodeEntryKey(key);
    if (!entryIsIntact(key, file.read(valueAt, byteLength))) return false;
    valueAt += byteLength;
  }
  return true;
}

/** Where the first block cannot be read: the fill that later blocks are of. */
function newestFill(file: JournalFile, journalId: Buffer): number | undefined {
  const forward = new ForwardReader(file);
  let newest: number | undefined;
  for (let at = 0; at < file.size; at += blockAlignmentBytes) {
    const header = headerAt(forward, at, journalId);
    if (header !== undefined) newest = Math.max(newest ?? 0, header.fill);
  }
  return newest;
}

function stretch(file: JournalFile, from: number, to: number): DamagedStretch {
  return { path: file.path, offset: from, bytes: file.read(from, to - from) };
}
