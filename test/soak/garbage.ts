import { fileURLToPath } from 'node:url';
import type { ServerProcess } from '../crash/server-process.ts';

/** Environment of a server whose garbage is to be collected. */
export const withCollector = {
  NODE_OPTIONS: `--import tsx --import ${fileURLToPath(new URL('collect-garbage.ts', import.meta.url))}`,
};

/** How often each process was asked; see collect-garbage.ts. */
const collections = new WeakMap<ServerProcess, number>();

/** What JavaScript holds, in bytes. */
export interface HeapFigures {
  readonly heapUsed: number;
  readonly arrayBuffers: number;
}

/** Resolves when the server has collected its garbage. It was started {@link withCollector}. */
export async function collectGarbage(server: ServerProcess): Promise<HeapFigures> {
  const times = (collections.get(server) ?? 0) + 1;
  collections.set(server, times);
  const collected = server.logged(`collected garbage (${times})`);
  server.signal('SIGUSR2');
  const line = await collected;
  return JSON.parse(line.slice(line.indexOf('{')));
}
