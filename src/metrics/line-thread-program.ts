/** The thread that writes the lines of many objects; `line-thread.ts` talks to it. */
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { next, type Opening } from './line-thread.ts';
import { Lines, type Rows, type Section } from './lines.ts';

// Messages go first where processors are few. Linux has a priority for each thread.
try {
  setPriority(Number(basename(readlinkSync('/proc/thread-self'))), constants.priority.PRIORITY_BELOW_NORMAL);
} catch {
  // Another system, or one that does not allow it: it is as important as the rest.
}

parentPort?.on('message', ({ section, port }: Opening) => write(section, port));

/** Takes rows, then gives a chunk whenever it is asked for one, and undefined after the last. */
function write(section: Section, port: MessagePort): void {
  const lines = new Lines(section);
  const chunks = lines.chunks();
  port.on('message', (message: Rows | typeof next) => {
    if (message !== next) {
      lines.add(message);
      return;
    }
    const chunk = chunks.next().value;
    port.postMessage(chunk, chunk === undefined ? [] : [chunk.buffer]);
  });
}
