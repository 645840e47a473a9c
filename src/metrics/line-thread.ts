import { on } from 'node:events';
import { extname } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Logger } from '../logger.ts';
import type { Rows, Section } from './lines.ts';

/** The thread ends when nothing was asked of it for so long: longer than Prometheus waits between two scrapes. */
const idleMs = 150_000;
/** Chunks that the thread may write before they are read: 256 KiB each. */
const chunksAhead = 3;
/** JavaScript objects of the thread. What the objects of a page say are bytes, and not among them. */
const heapMibMax = 256;

/** In the sources, which only a Node.js that reads TypeScript can run, it is a `.ts` as well. */
const program = new URL(`./line-thread-program${extname(import.meta.url)}`, import.meta.url);

/** What the thread is told first. All that follows goes through `port`: {@link Rows}, then {@link next} for each chunk. */
export interface Opening {
  readonly section: Section;
  readonly port: MessagePort;
}

/** Asks for the next chunk of lines; undefined is the answer after the last. */
export const next = 'next';

/**
 * Writes the lines of many objects in a thread of its own (`line-thread-program.ts`), so that messages do not wait for
 * them. It is made when it is needed, and anew when it has died.
 */
export class LineThread {
  readonly #log: Logger;
  #worker: Worker | undefined;
  #openSections = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Begins to make the thread if there is none: that takes some tens of milliseconds. */
  prepare(): Worker {
    this.#worker ??= this.#start();
    this.#waitForWork();
    return this.#worker;
  }

  /** @throws when the thread ends before the lines do. */
  async *linesOf(section: Section, portions: AsyncIterable<Rows>): AsyncGenerator<Uint8Array> {
    const { port1: port, port2 } = new MessageChannel();
    // Before anything is asked: the thread may end while rows are still being noted, and says so once.
    const chunks = on(port, 'message', { close: ['close'] });
    this.#openSections++;
    try {
      this.prepare().postMessage({ section, port: port2 } satisfies Opening, [port2]);
      for await (const rows of portions) port.postMessage(rows, [rows.values.buffer]);
      for (let i = 0; i < chunksAhead; i++) port.postMessage(next);
      for await (const [chunk] of chunks) {
        if (!(chunk instanceof Uint8Array)) return;
        port.postMessage(next);
        yield chunk;
      }
      throw new Error('the thread that writes metrics has ended');
    } finally {
      port.close();
      this.#openSections--;
      this.#waitForWork();
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    // Whoever needs one before this one has ended makes another.
    this.#worker = undefined;
    await worker?.terminate();
  }

  #waitForWork(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#openSections === 0) void this.close();
    }, idleMs).unref();
  }

  #start(): Worker {
    const limits = { maxOldGenerationSizeMb: heapMibMax };
    const worker = new Worker(program, { name: 'metrics', resourceLimits: limits });
    worker.on('error', (error) => this.#log.error({ err: error }, describe(error)));
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    worker.unref();
    return worker;
  }
}

/** Why there is no thread. Embedded from its sources, the broker may run under a loader that threads do not have. */
function describe(error: unknown): string {
  const isTypeScript =
    error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION';
  return isTypeScript
    ? 'the thread that writes metrics cannot start from TypeScript: embed what `npm run build` makes, or start Node.js with --import tsx'
    : 'the thread that writes metrics has failed';
}
