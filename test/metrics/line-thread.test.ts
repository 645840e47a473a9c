import { expect, it } from 'vitest';
import { silentLogger } from '../../src/logger.ts';
import { LineThread } from '../../src/metrics/line-thread.ts';

/** Newer ones start it. */
const readsTypeScript = 'typescript' in process.features && process.features.typescript !== false;

it.skipIf(readsTypeScript)('says what to do where Node.js starts no thread from TypeScript', async () => {
  const said = new Promise<string>((resolve) => {
    const thread = new LineThread({ ...silentLogger, error: (_fields, message) => resolve(message) });
    thread.prepare();
  });
  expect(await said).toBe(
    'the thread that writes metrics cannot start from TypeScript: embed what `npm run build` makes, or start Node.js with --import tsx',
  );
});
