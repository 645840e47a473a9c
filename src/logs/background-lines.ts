import { once } from 'node:events';
import { pino } from 'pino';

/** Lines that wait for their file or terminal, in bytes; further ones are dropped and counted. */
const waitingBytesMax = 1024 * 1024;

/** Lines that come within this time after a write are written together, */
const pauseMs = 10;

/** or when there are so many bytes of them. */
const chunkBytes = 8 * 1024;

/** A log that takes nothing any more does not keep the broker from stopping for longer than this. */
const closeTimeoutMs = 1000;

type LineStream = ReturnType<typeof pino.destination>;

const settings = { sync: false, minLength: chunkBytes, maxLength: waitingBytesMax };

/**
 * Lines on their way to a file or terminal, which the system's threads write in the background. A line by itself leaves
 * at once; of thousands a second many leave together: to hand each over alone costs several times as much as to make it.
 */
export class BackgroundLines {
  readonly #stream: LineStream;
  readonly #isFile: boolean;
  /** What the stream has taken and not written. */
  #waitingBytes = 0;
  /** There are lines that no flush was meant for. */
  #hasLines = false;
  #isPausing = false;
  #isClosing = false;
  #droppedLines = 0;

  private constructor(stream: LineStream, isFile: boolean) {
    this.#stream = stream;
    this.#isFile = isFile;
    stream.on('write', (bytes) => {
      this.#waitingBytes -= bytes;
    });
    stream.on('drop', (line) => {
      this.#waitingBytes -= Buffer.byteLength(line);
      this.#droppedLines++;
    });
    stream.on('drain', () => {
      this.#hasLines = this.#waitingBytes > 0;
      this.#flush();
    });
    // What could not be written is tried again with the next line.
    stream.on('error', () => {});
  }

  /** To standard output. */
  static console(): BackgroundLines {
    return new BackgroundLines(pino.destination({ ...settings, dest: 1 }), false);
  }

  /** To the end of a file. @throws the operating system's error */
  static async file(path: string): Promise<BackgroundLines> {
    const stream = pino.destination({ ...settings, dest: path, mkdir: true, mode: 0o640 });
    await once(stream, 'ready');
    return new BackgroundLines(stream, true);
  }

  write(line: string): void {
    this.#waitingBytes += Buffer.byteLength(line);
    this.#stream.write(line);
    this.#hasLines = true;
    this.#flush();
  }

  #flush(): void {
    if (!this.#hasLines || this.#isPausing || this.#isClosing) return;
    this.#hasLines = false;
    this.#isPausing = true;
    setTimeout(this.#pauseOver, pauseMs).unref();
    // Nothing happens while the stream writes: it tells when it has done so.
    this.#stream.flush();
  }

  readonly #pauseOver = (): void => {
    this.#isPausing = false;
    this.#flush();
  };

  /** Calls `tell` with the number of lines that were dropped, when lines are taken again. */
  whenDropped(tell: (count: number) => void): void {
    this.#stream.on('drain', () => {
      if (this.#droppedLines === 0) return;
      const dropped = this.#droppedLines;
      this.#droppedLines = 0;
      tell(dropped);
    });
  }

  /** Goes on in a new file of the same name, as the old one has been moved away. */
  reopen(): void {
    if (this.#isFile) this.#stream.reopen();
  }

  /** Resolves when everything is written, or cannot be. */
  async close(): Promise<void> {
    const stream = this.#stream;
    this.#isClosing = true;
    const closed = once(stream, 'close', { signal: AbortSignal.timeout(closeTimeoutMs) });
    stream.end();
    await closed.catch(() => stream.destroy());
  }
}
