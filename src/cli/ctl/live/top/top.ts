import { usageError } from '../../../flags.ts';
import type { Invocation } from '../../command.ts';
import { intervalOf, isJson } from '../options.ts';
import { Screen } from '../screen.ts';
import type { Terminal } from '../terminal.ts';
import { pageSize, renderTop, type Snapshot } from './render.ts';
import { look } from './source.ts';
import { afterKey, initialState, type Key, type TopState } from './state.ts';
import { type ViewName, viewNames, views } from './views.ts';

/** Where there is no screen: rows of the one look that is printed. */
const printedRows = 50;

/** `top [queues|connections|channels]`: live on a screen, else one look. @throws CommandError */
export async function top(given: Invocation, terminal: Terminal): Promise<void> {
  const state = stateOf(given);
  if (isJson(given)) {
    const { rows } = await look(given, state, printedRows);
    terminal.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  } else if (terminal.isScreen && process.stdin.isTTY) {
    await new Top(given, terminal, state).run();
  } else {
    const snapshot = await look(given, state, printedRows);
    const window = { columns: terminal.columns, rows: snapshot.rows.length + 5, hasColors: false };
    const lines = renderTop(state, snapshot, window).slice(0, -1);
    terminal.write(lines.map((line) => `${line.trimEnd()}\n`).join(''));
  }
}

function stateOf(given: Invocation): TopState {
  const word = given.argument(0) === '' ? 'queues' : given.argument(0);
  const name = viewNames.find((each) => each === word);
  if (name === undefined) throw usageError(`top shows ${viewNames.join(', ')}, not "${word}"`);
  const state = initialState(name, intervalOf(given));
  return { ...state, sort: sortOf(given, name) ?? state.sort, filter: given.flag('filter') ?? '' };
}

function sortOf(given: Invocation, view: ViewName): string | undefined {
  const wanted = given.flag('sort');
  const names = views[view].columns.map(({ name }) => name);
  if (wanted === undefined || names.includes(wanted)) return wanted;
  throw usageError(`--sort: there is no column "${wanted}" of ${view}, but ${names.join(', ')}`);
}

/** The screen, what is on it and what keeps it fresh. */
class Top {
  readonly #given: Invocation;
  readonly #terminal: Terminal;
  #state: TopState;
  #snapshot: Snapshot | undefined;
  #problem: string | undefined;
  #screen: Screen | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;
  /** Something else is wanted than what was asked for. */
  #isStale = false;
  #finish: () => void = () => {};

  constructor(given: Invocation, terminal: Terminal, state: TopState) {
    this.#given = given;
    this.#terminal = terminal;
    this.#state = state;
  }

  /** Resolves when somebody has had enough. @throws CommandError when the first look fails */
  async run(): Promise<void> {
    this.#snapshot = await this.#look();
    const over = new Promise<void>((resolve) => {
      this.#finish = resolve;
    });
    this.#terminal.interruption().addEventListener('abort', () => this.#finish());
    this.#screen = new Screen(
      (key) => this.#press(key),
      () => {
        this.#draw();
        this.#refresh();
      },
    );
    try {
      this.#draw();
      this.#schedule();
      await over;
    } finally {
      clearTimeout(this.#timer);
      this.#screen.close();
    }
  }

  #press(key: Key): void {
    const extent = { total: this.#snapshot?.total ?? 0, page: pageSize(this.#terminal) };
    const next = afterKey(this.#state, key, extent);
    if (next === undefined) {
      this.#finish();
      return;
    }
    const isOtherList = next.view !== this.#state.view;
    const needsLook = asked(next) !== asked(this.#state);
    this.#state = next;
    if (isOtherList && this.#snapshot !== undefined)
      this.#snapshot = { ...this.#snapshot, rows: [], total: 0 };
    this.#draw();
    if (needsLook) this.#refresh();
    else this.#schedule();
  }

  #refresh(): void {
    clearTimeout(this.#timer);
    if (this.#isAsking) {
      this.#isStale = true;
      return;
    }
    this.#isAsking = true;
    this.#look().then(
      (snapshot) => this.#answered(snapshot, undefined),
      (error: unknown) =>
        this.#answered(this.#snapshot, error instanceof Error ? error.message : String(error)),
    );
  }

  #answered(snapshot: Snapshot | undefined, problem: string | undefined): void {
    this.#isAsking = false;
    if (this.#isStale) {
      this.#isStale = false;
      this.#refresh();
      return;
    }
    this.#snapshot = snapshot;
    this.#problem = problem;
    this.#draw();
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#isAsking || this.#state.isPaused) return;
    this.#timer = setTimeout(() => this.#refresh(), this.#state.intervalMs);
  }

  #draw(): void {
    this.#screen?.draw(renderTop(this.#state, this.#snapshot, this.#terminal, this.#problem));
  }

  async #look(): Promise<Snapshot> {
    const page = pageSize(this.#terminal);
    const { offset } = this.#state;
    const snapshot = await look(this.#given, this.#state, page).catch((error: unknown) => {
      // A list that has become much shorter has no such page any more.
      if (offset === 0) throw error;
      this.#state = { ...this.#state, offset: 0 };
      return look(this.#given, this.#state, page);
    });
    const last = Math.max(0, snapshot.total - page);
    if (this.#state.offset <= last) return snapshot;
    // The list has become shorter.
    this.#state = { ...this.#state, offset: last };
    return look(this.#given, this.#state, page);
  }
}

/** What the broker's answer depends on. */
function asked({ view, sort, isTurned, filter, offset }: TopState): string {
  return JSON.stringify([view, sort, isTurned, filter, offset]);
}
