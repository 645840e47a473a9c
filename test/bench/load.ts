/** The load generator: compiled from amqpload.c, run once per measurement. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Step } from './scenarios.ts';

/** The figures of one run, by amqpload's names. */
export type Figures = ReadonlyMap<string, number>;

/** Compiles amqpload and returns the program's path. */
export function compileLoad(directory: string): string {
  const source = fileURLToPath(new URL('amqpload.c', import.meta.url));
  const program = join(directory, 'amqpload');
  mkdirSync(directory, { recursive: true });
  execFileSync('cc', ['-O2', '-pthread', '-o', program, source], { stdio: 'inherit' });
  return program;
}

/**
 * Runs one step against the broker on `port`.
 *
 * @throws Error when amqpload does not get as far as printing figures.
 */
export function runLoad(program: string, step: Step, port: number, seconds: number): Promise<Figures> {
  const options = step.options.replaceAll('{seconds}', `${seconds}`).split(' ');
  return new Promise((resolve, reject) => {
    execFile(program, ['--port', `${port}`, '--json', ...options], (error, stdout, stderr) => {
      // Loss, duplicates and a time-out give figures and an exit code; anything else gives no figures.
      const line = stdout.trim();
      if (line === '') return reject(new Error(`amqpload ${step.options}: ${stderr || error?.message}`));
      const parsed: unknown = JSON.parse(line);
      const fields = Object.entries(parsed ?? {}).map(([name, value]) => [name, Number(value)] as const);
      resolve(new Map(fields));
    });
  });
}
