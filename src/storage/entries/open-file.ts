import { closeSync, readv } from 'node:fs';

/** The pool has four threads at least, and commits want some of them. */
const readsAtOnceMax = 2;

/** What lies close together is read in one go. */
const runBytesMax = 2 ** 20;
const gapBytesMax = 64 * 1024;

/** Takes what nobody wants. */
const waste = Buffer.allocUnsafeSlow(runBytesMax);

/** A call takes so many pieces of memory at least (IOV_MAX), and each read may need one for the gap before it. */
const runReadsMax = 512;

/** What somebody wants of a file. */
interface Wanted {
  readonly target: Buffer;
  readonly at: number;
  /** Undefined: there is not enough, or it cannot be read. */
  readonly done: (target: Buffer | undefined) => void;
}

/** Files with something that is wanted of them. */
const waiting: OpenFile[] = [];
let underway = 0;

/** A file to read from off the event loop. It is closed when nobody reads from it any more. */
export class OpenFile {
  readonly fd: number;
  readonly #wanted: Wanted[] = [];
  #reads = 0;
  #isClosing = false;

  constructor(fd: number) {
    this.fd = fd;
  }

  /**
   * Fills `target` from an offset on. Resolves with undefined when there is not enough, it cannot be read, or the file is
   * closed.
   */
  async read(target: Buffer, at: number): Promise<Buffer | undefined> {
    // The number of its descriptor may be another file's by now.
    if (this.#isClosing) return undefined;
    return new Promise((done) => {
      this.#wanted.push({ target, at, done });
      if (this.#wanted.length > 1) return;
      waiting.push(this);
      // Whoever wants this mostly wants what is behind it, too.
      queueMicrotask(readNext);
    });
  }

  /** Has the kernel read it. What cannot be read is seen by whoever wants it then. */
  async prefetch(at: number, byteLength: number): Promise<void> {
    for (let done = 0; done < byteLength; done += waste.length) {
      const piece = waste.subarray(0, Math.min(waste.length, byteLength - done));
      if ((await this.read(piece, at + done)) === undefined) break;
    }
  }

  /** Reads the first of what is wanted, and what lies close behind it. */
  async readSome(): Promise<void> {
    const run = this.#takeRun();
    if (this.#wanted.length > 0) waiting.push(this);
    this.#reads++;
    const start = run[0]?.at ?? 0;
    const end = start + (await bytesRead(this.fd, buffersFor(run), start));
    for (const wanted of run) wanted.done(endOf(wanted) <= end ? wanted.target : undefined);
    this.#reads--;
    this.#closeIfUnused();
  }

  #takeRun(): Wanted[] {
    const start = this.#wanted[0]?.at ?? 0;
    let length = 1;
    for (let last = this.#wanted[0]; last !== undefined && length < runReadsMax; length++) {
      const next = this.#wanted[length];
      const gap = (next?.at ?? 0) - endOf(last);
      if (next === undefined || gap < 0 || gap > gapBytesMax || endOf(next) - start > runBytesMax) break;
      last = next;
    }
    return this.#wanted.splice(0, length);
  }

  /** What has been asked for is still read. */
  close(): void {
    this.#isClosing = true;
    this.#closeIfUnused();
  }

  #closeIfUnused(): void {
    if (this.#isClosing && this.#reads === 0 && this.#wanted.length === 0) closeSync(this.fd);
  }
}

function readNext(): void {
  while (underway < readsAtOnceMax) {
    const file = waiting.shift();
    if (file === undefined) return;
    underway++;
    void file.readSome().then(() => {
      underway--;
      readNext();
    });
  }
}

function endOf({ target, at }: Wanted): number {
  return at + target.length;
}

function buffersFor(run: readonly Wanted[]): Buffer[] {
  const buffers: Buffer[] = [];
  let end = run[0]?.at ?? 0;
  for (const wanted of run) {
    if (wanted.at > end) buffers.push(waste.subarray(0, wanted.at - end));
    buffers.push(wanted.target);
    end = endOf(wanted);
  }
  return buffers;
}

/** Resolves with 0 when nothing could be read. */
function bytesRead(fd: number, targets: readonly Buffer[], at: number): Promise<number> {
  return new Promise((resolve) => {
    readv(fd, targets, at, (error, bytes) => resolve(error === null ? bytes : 0));
  });
}
