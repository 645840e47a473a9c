import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CrashModel } from './model.ts';
import type { Found, WriterLine } from './writer-line.ts';

export interface WriterOptions {
  readonly dataDir: string;
  readonly generationBytes: number;
  readonly seed: number;
  readonly run: number;
  readonly commits?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** The writer in a process of its own. Its lines go to a model as they come. */
export class WriterProcess {
  readonly #child: ChildProcess;
  readonly #model: CrashModel;
  readonly #waiting: { readonly type: WriterLine['type']; readonly resolve: (line: WriterLine) => void }[] =
    [];
  readonly #ended: Promise<unknown>;
  #stderr = '';
  #problem: Error | undefined;
  readonly commitMs: number[] = [];
  /** Generations that were copied forward. */
  copied = 0;
  /** Journal files that generations had taken over when it started. */
  adopted = 0;

  constructor(options: WriterOptions, model: CrashModel) {
    const script = fileURLToPath(new URL('./writer.ts', import.meta.url));
    const { dataDir, generationBytes, seed, run, commits } = options;
    const args = ['--import', 'tsx', script, dataDir, String(generationBytes), String(seed), String(run)];
    if (commits !== undefined) args.push(String(commits));
    this.#model = model;
    this.#child = spawn(process.execPath, args, {
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.#stderr += chunk;
    });
    const lines = once(this.#child, 'close');
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(line));
    }
    this.#ended = lines;
  }

  /** Resolves with the next line of that type. Rejects when the process ends first. */
  async next(type: WriterLine['type']): Promise<WriterLine> {
    const line = new Promise<WriterLine>((resolve) => this.#waiting.push({ type, resolve }));
    const ended = this.#ended.then(() => {
      throw this.#problem ?? new Error(`the writer ended before "${type}": ${this.#stderr}`);
    });
    return Promise.race([line, ended]);
  }

  /** Resolves when so many commits have been confirmed. Rejects when the process ends first. */
  async confirmed(count: number): Promise<void> {
    while (this.commitMs.length < count) await this.next('confirmed');
  }

  /** Kills it and waits until everything it said has been taken. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.end();
  }

  /** Waits for its end. @throws Error with what went wrong in the model or in the writer. */
  async end(): Promise<number | null> {
    await this.#ended;
    if (this.#problem !== undefined) throw this.#problem;
    const { exitCode, signalCode } = this.#child;
    if (signalCode !== null && signalCode !== 'SIGKILL') {
      throw new Error(`the writer died of ${signalCode}: ${this.#stderr}`);
    }
    return exitCode;
  }

  get stderr(): string {
    return this.#stderr;
  }

  #take(text: string): void {
    if (this.#problem !== undefined || !text.endsWith('}')) return;
    const line: WriterLine = JSON.parse(text);
    try {
      if (line.type === 'recovered') this.#noteRecovered(line);
      else if (line.type === 'started') this.#model.started(line);
      else if (line.type === 'confirmed') this.#note(line.number, line.ms);
      else if (line.type === 'copied') this.copied++;
      else if (line.type === 'broken') this.#stderr += `the store is broken: ${line.reason}\n`;
      else if (line.type === 'failed') throw new Error(line.reason);
    } catch (error) {
      this.#problem = error instanceof Error ? error : new Error(String(error));
      this.#child.kill('SIGKILL');
      return;
    }
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const waiting = this.#waiting[i];
      if (waiting?.type !== line.type) continue;
      this.#waiting.splice(i, 1);
      waiting.resolve(line);
    }
  }

  #noteRecovered(found: Found): void {
    this.#model.check(found);
    this.adopted = found.adopted;
  }

  #note(number: number, ms: number): void {
    this.#model.done(number);
    this.commitMs.push(ms);
  }
}
