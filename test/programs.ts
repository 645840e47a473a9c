import { fileURLToPath } from 'node:url';

/**
 * The path of a program as it is shipped. `test/build.ts` has built it: that way it starts several times as fast as
 * from its sources.
 */
export function programPath(name: 'leveret' | 'leveretctl'): string {
  return fileURLToPath(new URL(`../dist/cli/${name}.js`, import.meta.url));
}
