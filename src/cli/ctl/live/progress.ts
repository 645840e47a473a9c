import type { SingleBar } from 'cli-progress';
import { count, duration, perSecond } from './figures.ts';
import type { Terminal } from './terminal.ts';

/** Between two lines where there is no screen. */
const lineIntervalMs = 5000;

/** How far long work has got: a bar on a screen, a line every few seconds elsewhere, nothing if `isQuiet`. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #bar: SingleBar | undefined;
  readonly #isQuiet: boolean;
  readonly #startedAt = performance.now();
  /** How amounts are written. */
  readonly #amount: (value: number) => string;
  #toldAt = performance.now();
  #isStarted = false;

  private constructor(
    terminal: Terminal,
    bar: SingleBar | undefined,
    isQuiet: boolean,
    amount: (value: number) => string,
  ) {
    this.#terminal = terminal;
    this.#amount = amount;
    this.#bar = bar;
    this.#isQuiet = isQuiet;
  }

  /** `title`: what is done, such as `moving`; `amount`: how amounts are written, if not as plain numbers. */
  static async start(
    terminal: Terminal,
    title: string,
    isQuiet: boolean,
    amount: (value: number) => string = count,
  ): Promise<Progress> {
    const { noteScreen: stream } = terminal;
    if (isQuiet || stream === undefined) return new Progress(terminal, undefined, isQuiet, amount);
    const { SingleBar, Presets } = await import('cli-progress');
    const knowsBlocks = /utf-?8/i.test(
      process.env['LC_ALL'] ?? process.env['LC_CTYPE'] ?? process.env['LANG'] ?? '',
    );
    const bar = new SingleBar(
      {
        stream,
        format: `${title} {bar} {percentage} %  {done} of {all}  {rate}/s  {left} left`,
        barsize: 24,
        hideCursor: true,
        linewrap: false,
        fps: 10,
        gracefulExit: false,
        clearOnComplete: true,
      },
      knowsBlocks ? Presets.shades_classic : Presets.legacy,
    );
    return new Progress(terminal, bar, isQuiet, amount);
  }

  update(done: number, all: number): void {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const rate = seconds > 0 ? done / seconds : 0;
    const left = rate > 0 ? duration((all - done) / rate) : '?';
    const amount = this.#amount;
    const shownRate = amount === count ? perSecond(rate) : amount(Math.round(rate));
    const payload = { done: amount(done), all: amount(all), rate: shownRate, left };
    if (this.#bar !== undefined) {
      if (!this.#isStarted) this.#bar.start(all, done, payload);
      this.#isStarted = true;
      this.#bar.setTotal(all);
      this.#bar.update(done, payload);
      return;
    }
    const now = performance.now();
    if (this.#isQuiet || now - this.#toldAt < lineIntervalMs) return;
    this.#toldAt = now;
    const percent = all > 0 ? Math.floor((done * 100) / all) : 100;
    this.#terminal.note(
      `${payload.done} of ${payload.all} (${percent} %), ${payload.rate}/s, ${left} left\n`,
    );
  }

  stop(): void {
    if (this.#isStarted) this.#bar?.stop();
  }
}
