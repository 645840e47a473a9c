import { ctl as leveretctl } from '../../src/cli/ctl/ctl.ts';
import { CommandError, ExitCode } from '../../src/cli/exit-code.ts';
import type { RunningBroker } from '../../src/index.ts';

/** leveretctl in this process. */
export class Ctl {
  readonly #flags: readonly string[];

  /** `flags`: which broker is meant. */
  constructor(...flags: readonly string[]) {
    this.#flags = flags;
  }

  static over(broker: RunningBroker): Ctl {
    return new Ctl('--url', `http://127.0.0.1:${broker.managementPort}`);
  }

  /** What a command prints. @throws CommandError */
  async print(...args: readonly string[]): Promise<string> {
    let printed = '';
    await leveretctl([...this.#flags, ...args], (text) => {
      printed += text;
    });
    return printed;
  }

  async exitCode(...args: readonly string[]): Promise<ExitCode> {
    try {
      await this.print(...args);
      return ExitCode.Ok;
    } catch (error) {
      if (error instanceof CommandError) return error.exitCode;
      throw error;
    }
  }
}
