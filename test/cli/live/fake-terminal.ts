import { ctl } from '../../../src/cli/ctl/ctl.ts';
import type { Terminal } from '../../../src/cli/ctl/live/terminal.ts';
import type { RunningBroker } from '../../../src/index.ts';

/** A pipe: what is printed and noted is kept, and Ctrl-C can be pressed. */
export class FakeTerminal implements Terminal {
  readonly isScreen = false;
  readonly noteScreen = undefined;
  readonly hasColors = false;
  readonly columns = 80;
  readonly rows = 24;
  printed = '';
  noted = '';
  readonly #interruption = new AbortController();
  readonly #flags: readonly string[];
  #onOutput: () => void = () => {};

  constructor(broker: RunningBroker) {
    this.#flags = ['--url', `http://127.0.0.1:${broker.managementPort}`];
  }

  /** What a command prints. @throws CommandError */
  async run(...args: readonly string[]): Promise<string> {
    this.printed = '';
    this.noted = '';
    await ctl([...this.#flags, ...args], (text) => this.write(text), this);
    return this.printed;
  }

  write(text: string): void {
    this.printed += text;
    this.#onOutput();
  }

  note(text: string): void {
    this.noted += text;
    this.#onOutput();
  }

  interruption(): AbortSignal {
    return this.#interruption.signal;
  }

  interrupt(): void {
    this.#interruption.abort();
  }

  /** Resolves when something has been printed, or noted, that looks like this. */
  shows(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => {
      this.#onOutput = () => {
        if (pattern.test(this.printed + this.noted)) resolve();
      };
      this.#onOutput();
    });
  }
}
