import { emitKeypressEvents } from 'node:readline';
import type { Key } from './top/state.ts';

const alternate = { on: '\x1b[?1049h', off: '\x1b[?1049l' } as const;
const cursor = { hide: '\x1b[?25l', show: '\x1b[?25h' } as const;
/** What comes in between appears at once, on terminals that know this; others pass over it. */
const atOnce = { begin: '\x1b[?2026h', end: '\x1b[?2026l' } as const;
const clearLine = '\x1b[K';
const clearAll = '\x1b[2J';

/** The whole window, until it is closed: what was there before comes back. Only lines that change are written. */
export class Screen {
  readonly #onKey: (key: Key) => void;
  readonly #onResize: () => void;
  #lines: readonly string[] = [];
  readonly #pressed = (_text: string | undefined, key: Key) => this.#onKey(key);
  readonly #resized = () => {
    this.#lines = [];
    process.stdout.write(clearAll);
    this.#onResize();
  };

  constructor(onKey: (key: Key) => void, onResize: () => void) {
    this.#onKey = onKey;
    this.#onResize = onResize;
    const { stdin, stdout } = process;
    emitKeypressEvents(stdin);
    if (stdin.isTTY) stdin.setRawMode(true);
    stdin.on('keypress', this.#pressed).resume();
    stdout.on('resize', this.#resized);
    stdout.write(alternate.on + cursor.hide + clearAll);
  }

  draw(lines: readonly string[]): void {
    const changed = lines.flatMap((line, index) =>
      line === this.#lines[index] ? [] : [`\x1b[${index + 1};1H${line}${clearLine}`],
    );
    const gone = this.#lines
      .slice(lines.length)
      .map((_, index) => `\x1b[${lines.length + index + 1};1H${clearLine}`);
    this.#lines = lines;
    const all = [...changed, ...gone];
    if (all.length > 0) process.stdout.write(atOnce.begin + all.join('') + atOnce.end);
  }

  close(): void {
    const { stdin, stdout } = process;
    stdin.off('keypress', this.#pressed).pause();
    if (stdin.isTTY) stdin.setRawMode(false);
    stdout.off('resize', this.#resized);
    stdout.write(cursor.show + alternate.off);
  }
}
