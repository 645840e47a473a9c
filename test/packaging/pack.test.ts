import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { version } from '../../src/version.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-pack-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

it('installs from its package and runs', { timeout: 120_000 }, async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  // What `npm ci` has built is what is packed.
  const packed = execFileSync(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--loglevel=error', '--pack-destination', directory],
    { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  expect(packed).toContain('dist/cli/leveret.js');
  const file = join(directory, `leveret-${version}.tgz`);
  execFileSync(
    'npm',
    ['install', '--global', '--prefix', directory, '--prefer-offline', '--no-audit', '--no-fund', file],
    {
      stdio: 'ignore',
    },
  );
  const leveret = join(directory, 'bin', 'leveret');
  expect(execFileSync(leveret, ['--version'], { encoding: 'utf8' }).trim()).toBe(version);
  execFileSync(join(directory, 'bin', 'leveretctl'), ['--help'], { stdio: 'ignore' });

  const args = ['--host', '127.0.0.1', '--port', '0', '--management-port', 'none', '--data-dir', 'data'];
  const broker = spawn(leveret, ['server', ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(broker, 'exit');
  for await (const line of createInterface({ input: broker.stdout })) {
    if (line.includes(' ready at ')) broker.kill('SIGTERM');
  }
  expect(await exit).toEqual([0, null]);
});
