/** The load generator, amqpload.c: run once per measurement. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** The figures of one run, by amqpload's names. */
export type Figures = ReadonlyMap<string, number>;

/** What was going on at one moment of a run, per second. */
export interface Progress {
  readonly published: number;
  readonly delivered: number;
}

const progressPattern = /publish (\d+)\/s {2}confirm (\d+)\/s {2}deliver (\d+)\/s/;

/**
 * Runs amqpload once against the broker on `port`.
 *
 * @param on.figures called when the figures are there, before connections are closed (`--idle`: while they are held)
 * @throws Error when amqpload does not get as far as printing figures.
 */
export async function runLoad(
  program: string,
  port: number,
  options: string,
  on: { progress(progress: Progress): void; figures(): void },
): Promise<Figures> {
  const args = ['--port', `${port}`, '--json', '--progress', '0.25', ...options.split(' ')];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const complaints: string[] = [];
  createInterface(child.stderr).on('line', (line) => {
    const [, published, , delivered] = progressPattern.exec(line) ?? [];
    if (published === undefined) complaints.push(line);
    else on.progress({ published: Number(published), delivered: Number(delivered) });
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    on.figures();
  });
  await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  // Loss, duplicates and a time-out give figures and an exit code; anything else gives no figures.
  if (output === '') throw new Error(`amqpload ${options}: ${complaints.slice(0, 3).join('; ')}`);
  return figuresOf(output);
}

/** From the line of JSON that amqpload and relay print. */
export function figuresOf(json: string): Figures {
  const parsed: unknown = JSON.parse(json);
  return new Map(Object.entries(parsed ?? {}).map(([name, value]) => [name, Number(value)] as const));
}

/** The bytes of a body with these options of amqpload. */
export function bodyBytesOf(options: string): number {
  return Number(/--size (\d+)/.exec(options)?.[1] ?? 1024);
}
