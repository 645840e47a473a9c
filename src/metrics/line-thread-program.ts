/** The thread that writes the lines of many objects; `line-thread.ts` talks to it. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { next, type Opening } from './line-thread.ts';
import { type Chunk, linesOf, type Rows, type Section } from './lines.ts';

parentPort?.on('message', ({ section, port }: Opening) => write(section, port));

/** Takes rows, then gives a chunk whenever it is asked for one, and undefined after the last. */
function write(section: Section, port: MessagePort): void {
  const rows: Rows[] = [];
  let chunks: Iterator<Chunk, undefined> | undefined;
  port.on('message', (message: Rows | typeof next) => {
    if (message !== next) {
      rows.push(message);
      return;
    }
    chunks ??= linesOf(section, rows);
    const chunk = chunks.next().value;
    port.postMessage(chunk, chunk === undefined ? [] : [chunk.buffer]);
  });
}
