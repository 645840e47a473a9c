import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Compiles a C program of this directory and returns its path.
 *
 * @throws Error when there is no C compiler.
 */
export function compile(name: 'amqpload' | 'relay'): string {
  const source = fileURLToPath(new URL(`${name}.c`, import.meta.url));
  const directory = join(tmpdir(), 'leveret-bench');
  const program = join(directory, name);
  mkdirSync(directory, { recursive: true });
  execFileSync('cc', ['-O2', '-pthread', '-o', program, source], { stdio: 'inherit' });
  return program;
}
