import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a power cut does to blocks that were not synced. */
export type CutMode = 'drop' | 'random';

/** Whether a C compiler is here to build the simulator with. */
export function hasCompiler(): boolean {
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return process.platform === 'linux';
  } catch {
    return false;
  }
}

/** A machine whose power can be cut: see `powerloss.c`. A name in a directory is lost, too, unless that was synced. */
export class PowerMachine {
  readonly #shadows: string;
  readonly #library: string;
  readonly #builder: string;

  /** @param directory for the compiled simulator and what it has to remember. */
  constructor(directory: string) {
    const source = fileURLToPath(new URL('./powerloss.c', import.meta.url));
    this.#shadows = join(directory, 'shadows');
    this.#library = join(directory, 'powerloss.so');
    this.#builder = join(directory, 'powerloss-build');
    mkdirSync(this.#shadows);
    execFileSync('cc', ['-O2', '-shared', '-fPIC', '-w', '-o', this.#library, source, '-ldl', '-pthread']);
    execFileSync('cc', ['-O2', '-w', '-DPOWERLOSS_MAIN', '-o', this.#builder, source]);
  }

  /** Environment of a process that runs on this machine. Delays are in milliseconds for each sync. */
  environment(options: { syncMs: number; dsyncMs: number }): Record<string, string> {
    return {
      LD_PRELOAD: this.#library,
      POWERLOSS_DIR: this.#shadows,
      POWERLOSS_STRICT_DIR: '1',
      POWERLOSS_FASTSYNC: '1',
      POWERLOSS_DELAY_MS: String(options.syncMs),
      POWERLOSS_DELAY_DSYNC_MS: String(options.dsyncMs),
    };
  }

  /**
   * Turns the files into what is found after a power cut. Processes of this machine must be dead.
   *
   * @returns blocks that had not been synced.
   */
  cut(mode: CutMode, seed: number, survival: number): number {
    const output = execFileSync(this.#builder, [this.#shadows, mode, String(seed), String(survival)], {
      encoding: 'utf8',
      env: { ...process.env, POWERLOSS_STRICT_DIR: '1' },
    });
    return [...output.matchAll(/pending (\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
  }
}
