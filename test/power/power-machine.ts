import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newDirectory } from '../storage/support.ts';

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

interface Simulator {
  /** Is loaded into each process of the machine. */
  readonly library: string;
  /** Turns files into what a power cut leaves of them. */
  readonly builder: string;
}

let compiled: Simulator | undefined;

/** Is compiled once for all machines of a file of tests, whose directories are removed in the end. */
function simulator(): Simulator {
  if (compiled === undefined || !existsSync(compiled.library)) compiled = compile(newDirectory());
  return compiled;
}

function compile(directory: string): Simulator {
  const source = fileURLToPath(new URL('./powerloss.c', import.meta.url));
  const library = join(directory, 'powerloss.so');
  const builder = join(directory, 'powerloss-build');
  execFileSync('cc', ['-O2', '-shared', '-fPIC', '-w', '-o', library, source, '-ldl', '-pthread']);
  execFileSync('cc', ['-O2', '-w', '-DPOWERLOSS_MAIN', '-o', builder, source]);
  return { library, builder };
}

/** A machine whose power can be cut: see `powerloss.c`. A name in a directory is lost, too, unless that was synced. */
export class PowerMachine {
  readonly #shadows: string;
  readonly #simulator = simulator();

  /** @param directory for what it has to remember. */
  constructor(directory: string) {
    this.#shadows = join(directory, 'shadows');
    mkdirSync(this.#shadows);
  }

  /** Environment of a process that runs on this machine. Delays are in milliseconds for each sync. */
  environment(options: { syncMs: number; dsyncMs: number }): Record<string, string> {
    return {
      LD_PRELOAD: this.#simulator.library,
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
    const output = execFileSync(
      this.#simulator.builder,
      [this.#shadows, mode, String(seed), String(survival)],
      {
        encoding: 'utf8',
        env: { ...process.env, POWERLOSS_STRICT_DIR: '1' },
      },
    );
    return [...output.matchAll(/pending (\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
  }
}
