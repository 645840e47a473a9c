import { on } from 'node:events';
import { extname } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Logger } from '../logger.ts';
import type { Rows, Section } from './lines.ts';

/** It ends when nothing was asked of it for so long: longer than Prometheus waits between two scrapes. */
const idleMs = 150_000;
/** Of its own JavaScript objects: the labels of a million queues. */
const heapMibMax = 256;
const youngMibMax = 4;

/** What the thread is told first; `port` is for all that follows. */
export interface Opening {
  readonly section: Section;
  readonly port: MessagePort;
}

/** Asks for the next chunk. Everything else that comes through the port of a section are {@link Rows}. */
export const next = 'next';

/**
 * Writes lines in a thread of its own, so that the broker is not kept from messages by them. It is made when it is needed,
 * and made anew when it has died; `line-thread-program.ts` is what it does.
 */
export class LineThread {
  readonly #log: Logger;
  #worker: Worker | undefined;
  #openSections = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @throws when the thread ends before the lines do. */
  async *linesOf(section: Section, portions: AsyncIterable<Rows>): AsyncGenerator<Uint8Array> {
    const port = this.#open(section);
    try {
      for await (const rows of portions) port.postMessage(rows, [rows.values.buffer]);
      port.postMessage(next);
      for await (const [chunk] of on(port, 'message', { close: ['close'] })) {
        if (!(chunk instanceof Uint8Array)) return;
        // It goes on while this chunk is on its way, by one.
        port.postMessage(next);
        yield chunk;
      }
      throw new Error('the thread that writes metrics has ended');
    } finally {
      port.close();
      this.#openSections--;
      if (this.#openSections === 0) this.#idle = setTimeout(() => void this.close(), idleMs).unref();
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#worker?.terminate();
  }

  #open(section: Section): MessagePort {
    clearTimeout(this.#idle);
    this.#openSections++;
    const { port1, port2 } = new MessageChannel();
    this.#worker ??= this.#start();
    this.#worker.postMessage({ section, port: port2 } satisfies Opening, [port2]);
    return port1;
  }

  #start(): Worker {
    // In the sources it is a `.ts` like this file.
    const program = new URL(`./line-thread-program${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(program, {
      name: 'metrics',
      resourceLimits: { maxOldGenerationSizeMb: heapMibMax, maxYoungGenerationSizeMb: youngMibMax },
    });
    worker.on('error', (error) =>
      this.#log.error({ err: error }, 'the thread that writes metrics has failed'),
    );
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    worker.unref();
    return worker;
  }
}
