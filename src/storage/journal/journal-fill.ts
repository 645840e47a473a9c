import type { Space } from '../../broker/store.ts';
import { EntryFile, type Span } from '../entries/entry-file.ts';
import { decodeEntryKey, entryBytesSoonMin, entryKeyBytes } from '../entries/entry-key.ts';
import { type OpenValue, openValueIn } from '../entries/open-value.ts';
import { blockAlignmentBytes, headBytes, keysIn } from './journal-block.ts';
import type { JournalFile } from './journal-file.ts';

/** Each entry takes memory, however small it is. */
const entriesMax = 16_384;

/** A file is not worth copying when that part of it is owed, and its entries have so many bytes on average. */
const densePartMin = 0.75;
const denseEntryBytes = 4096;

const noBytes = Buffer.alloc(0);

/** An entry in a journal file. */
interface Place {
  readonly firstSequence: number;
  /** The head that holds its key, and where. */
  readonly head: Buffer;
  readonly keyAt: number;
  /** Where its value is in the file. */
  readonly valueAt: number;
}

/** What a journal file holds from the time it was free until it is so again. */
export class JournalFill extends EntryFile {
  readonly file: JournalFile;
  /** Number of its first commit. */
  readonly first: number;
  /** An earlier run of the broker wrote it, and may have begun to move what is owed of it. */
  readonly isRecovered: boolean;
  /** Where the next block goes. */
  end = 0;
  /** Nothing is being written to it any more. */
  isEnded = false;
  /** It is being read or ended, or a generation is taking it over: it may be neither used again nor closed. */
  isBusy = false;
  /** The file was made for one commit. */
  isAlone = false;
  /** When it was found to take nothing any more, by the monotonic clock. */
  fullSince = performance.now();
  /** Of each log in the order of sequences. */
  readonly #places = new Map<number, Place[]>();
  #loaded: Buffer = noBytes;

  constructor(file: JournalFile, first: number, isRecovered: boolean) {
    super();
    this.file = file;
    this.first = first;
    this.isRecovered = isRecovered;
  }

  override get path(): string {
    return this.file.path;
  }

  /** How full it is: 1 is full. */
  get filled(): number {
    return Math.max(this.end / this.file.size, this.entries / entriesMax);
  }

  /** Of what is written to it, once it is ended. */
  get endWithMark(): number {
    return this.end + blockAlignmentBytes;
  }

  /**
   * Nearly all of it is owed, in entries of some size: a generation that takes it over wastes little space, and has few
   * keys to note.
   */
  get isDense(): boolean {
    return this.liveBytes >= this.end * densePartMin && this.entries * denseEntryBytes <= this.end;
  }

  /** Whether a block has room, and the mark that ends the file behind it. */
  fits(byteLength: number): boolean {
    if (this.isAlone && this.entries > 0) return false;
    return this.entries < entriesMax && this.end + byteLength + blockAlignmentBytes <= this.file.size;
  }

  /** Notes the entries of a block that is on disk at {@link end}. */
  add(head: Buffer, byteLength: number): void {
    let keyAt = headBytes(0);
    let valueAt = this.end + head.length;
    for (const rawKey of keysIn(head)) {
      const { logId, firstSequence, byteLength: valueBytes } = decodeEntryKey(rawKey);
      this.#addPlace(logId, { firstSequence, head, keyAt, valueAt });
      keyAt += entryKeyBytes;
      valueAt += valueBytes;
      this.entries++;
    }
    this.end += byteLength;
  }

  #addPlace(logId: number, place: Place): void {
    const places = this.#places.get(logId);
    if (places === undefined) this.#places.set(logId, [place]);
    else places.splice(firstAt(places, place.firstSequence), 0, place);
  }

  /** Keys of all entries: those of a log in order. */
  *entryKeys(): Iterable<Uint8Array> {
    for (const places of this.#places.values()) for (const place of places) yield keyOf(place);
  }

  override readonly isGeneration = false;

  override keysFrom(logId: number, from: number, below: number, limit: number): Uint8Array[] {
    const places = this.#places.get(logId) ?? [];
    const at = firstAt(places, from);
    const isExact = places[at]?.firstSequence === from;
    return keysAt(places, isExact ? at : Math.max(0, at - 1), below, limit);
  }

  override keysBehind(key: Uint8Array, below: number, limit: number): Uint8Array[] {
    const { logId, firstSequence } = decodeEntryKey(key);
    const places = this.#places.get(logId) ?? [];
    return keysAt(places, firstAt(places, firstSequence + 1), below, limit);
  }

  /**
   * Where the value of an entry is in the file.
   *
   * @throws RangeError when there is no such entry.
   */
  offsetOf(key: Uint8Array): number {
    const place = this.#placeOf(key);
    if (place === undefined) throw new RangeError(`${this.path} has no such entry`);
    return place.valueAt;
  }

  override value(key: Uint8Array, space?: Space): Buffer | undefined {
    const place = this.#placeOf(key);
    return place && this.file.read(place.valueAt, decodeEntryKey(key).byteLength, space);
  }

  override valueSoon(key: Uint8Array, space: Space): Promise<Buffer | undefined> | undefined {
    const { byteLength } = decodeEntryKey(key);
    const place = byteLength < entryBytesSoonMin ? undefined : this.#placeOf(key);
    return place && this.file.readSoon(place.valueAt, space(byteLength));
  }

  override head(key: Uint8Array, byteLength: number): Buffer | undefined {
    const place = this.#placeOf(key);
    return place && this.file.read(place.valueAt, Math.min(byteLength, decodeEntryKey(key).byteLength));
  }

  override openValue(key: Uint8Array): Promise<OpenValue> {
    return openValueIn(this.path, this.offsetOf(key));
  }

  #placeOf(key: Uint8Array): Place | undefined {
    const { logId, firstSequence } = decodeEntryKey(key);
    const places = this.#places.get(logId) ?? [];
    const place = places[firstAt(places, firstSequence)];
    return place?.firstSequence === firstSequence ? place : undefined;
  }

  /** A view of what {@link load} has read. */
  override view(key: Uint8Array): Buffer | undefined {
    const place = this.#placeOf(key);
    if (place === undefined) return undefined;
    const { valueAt } = place;
    const end = valueAt + decodeEntryKey(key).byteLength;
    return end <= this.#loaded.length ? this.#loaded.subarray(valueAt, end) : this.value(key);
  }

  /** Reads all of it at once, off the event loop, into `memory`, which is its own until {@link unload}. */
  async load(memory: Buffer): Promise<void> {
    this.isBusy = true;
    try {
      this.#loaded = await this.file.readInto(memory.subarray(0, this.end));
    } finally {
      this.isBusy = false;
    }
  }

  unload(): void {
    this.#loaded = noBytes;
  }

  /** What is small, and was written lately, is in the kernel's memory as it is. */
  override async prefetch(keys: readonly Uint8Array[]): Promise<void> {
    if (this.#loaded.length > 0) return;
    const reads = keys.map(async (key) => {
      const { byteLength } = decodeEntryKey(key);
      const place = byteLength < entryBytesSoonMin ? undefined : this.#placeOf(key);
      if (place !== undefined) await this.file.prefetch(place.valueAt, byteLength);
    });
    await Promise.all(reads);
  }

  override async prefetchSpan({ logId }: Span, from: number, to: number, bytesMax: number): Promise<void> {
    const keys: Uint8Array[] = [];
    let bytes = 0;
    for (const key of this.keysFrom(logId, from, to, Math.ceil(bytesMax / entryBytesSoonMin))) {
      bytes += decodeEntryKey(key).byteLength;
      if (bytes > bytesMax) break;
      keys.push(key);
    }
    await this.prefetch(keys);
  }

  override mayHaveMovedTo({ file }: Span): boolean {
    return this.isRecovered && file.isGeneration;
  }
}

function keyOf({ head, keyAt }: Place): Uint8Array {
  return head.subarray(keyAt, keyAt + entryKeyBytes);
}

function keysAt(places: readonly Place[], at: number, below: number, limit: number): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (const place of places.slice(at, at + limit)) {
    if (place.firstSequence >= below) break;
    keys.push(keyOf(place));
  }
  return keys;
}

/** Index of the first place at or above a sequence, by bisection. */
function firstAt(places: readonly Place[], sequence: number): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle]?.firstSequence ?? 0) >= sequence) high = middle;
    else low = middle + 1;
  }
  return low;
}
