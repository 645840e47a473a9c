import { type Column, type View, type ViewName, viewNames, views } from './views.ts';

/** What somebody looks at. Keys make one state of another. */
export interface TopState {
  readonly view: ViewName;
  /** Name of a column. */
  readonly sort: string;
  /** Against the column's own order: numbers come largest first, words smallest first. */
  readonly isTurned: boolean;
  /** Text in the names of what is shown. */
  readonly filter: string;
  /** A filter that is being typed. */
  readonly draft: string | undefined;
  /** Rows above the first one on the screen. */
  readonly offset: number;
  readonly intervalMs: number;
  readonly isPaused: boolean;
  readonly isHelpShown: boolean;
}

/** A key as node:readline names it. */
export interface Key {
  readonly name?: string | undefined;
  readonly sequence?: string | undefined;
  readonly ctrl?: boolean | undefined;
}

/** What there is to move around in. */
export interface Extent {
  /** Rows of the list. */
  readonly total: number;
  /** Rows on the screen. */
  readonly page: number;
}

const intervals = [500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

/** What is seen at first: the view in its own order, from the top. */
export function initialState(view: ViewName, intervalMs: number): TopState {
  return {
    view,
    sort: views[view].sort,
    isTurned: false,
    filter: '',
    draft: undefined,
    offset: 0,
    intervalMs,
    isPaused: false,
    isHelpShown: false,
  };
}

/** The column that rows are sorted by; undefined when the view has none of that name. */
export function sortColumn({ view, sort }: TopState): Column | undefined {
  return views[view].columns.find(({ name }) => name === sort);
}

/** Undefined: it is over. */
export function afterKey(state: TopState, key: Key, extent: Extent): TopState | undefined {
  if (key.ctrl === true && (key.name === 'c' || key.name === 'd')) return undefined;
  if (state.draft !== undefined) return afterTyping(state, state.draft, key);
  if (state.isHelpShown) return { ...state, isHelpShown: false };
  const last = Math.max(0, extent.total - extent.page);
  const scrolled = (offset: number) => ({ ...state, offset: Math.max(0, Math.min(last, offset)) });
  switch (key.name ?? key.sequence) {
    case 'q':
      return undefined;
    case 'up':
    case 'k':
      return scrolled(state.offset - 1);
    case 'down':
    case 'j':
      return scrolled(state.offset + 1);
    case 'pageup':
      return scrolled(state.offset - extent.page);
    case 'pagedown':
    case 'space':
      return scrolled(state.offset + extent.page);
    case 'home':
      return scrolled(0);
    case 'end':
      return scrolled(last);
    case 'left':
      return { ...state, ...neighbour(state, -1), offset: 0 };
    case 'right':
      return { ...state, ...neighbour(state, 1), offset: 0 };
    case 'r':
      return { ...state, isTurned: !state.isTurned, offset: 0 };
    case 'tab':
      return switched(state, viewNames[(viewNames.indexOf(state.view) + 1) % viewNames.length]);
    case 'p':
      return { ...state, isPaused: !state.isPaused };
    case 'h':
      return { ...state, isHelpShown: true };
    case 'escape':
      return { ...state, filter: '', offset: 0 };
    default:
      return afterSign(state, key.sequence ?? '');
  }
}

function afterSign(state: TopState, sign: string): TopState {
  switch (sign) {
    case '/':
      return { ...state, draft: state.filter };
    case '?':
      return { ...state, isHelpShown: true };
    case '+':
      return { ...state, intervalMs: intervals.find((each) => each > state.intervalMs) ?? state.intervalMs };
    case '-':
      return {
        ...state,
        intervalMs: intervals.findLast((each) => each < state.intervalMs) ?? state.intervalMs,
      };
    default:
      return switched(state, viewNames[Number(sign) - 1]);
  }
}

function afterTyping(state: TopState, draft: string, { name, sequence = '' }: Key): TopState {
  switch (name) {
    case 'return':
    case 'enter':
      return { ...state, draft: undefined, filter: draft, offset: 0 };
    case 'escape':
      return { ...state, draft: undefined };
    case 'backspace':
      return { ...state, draft: [...draft].slice(0, -1).join('') };
    default:
      // A key that is no character has a longer sequence, which begins with an escape.
      return /^[^\p{Cc}]+$/u.test(sequence) ? { ...state, draft: draft + sequence } : state;
  }
}

function neighbour(state: TopState, step: number): Pick<TopState, 'sort' | 'isTurned'> {
  const { columns }: View = views[state.view];
  const index = columns.findIndex(({ name }) => name === state.sort);
  const next = columns[(index + step + columns.length) % columns.length];
  return { sort: next?.name ?? state.sort, isTurned: false };
}

function switched(state: TopState, view: ViewName | undefined): TopState {
  if (view === undefined) return state;
  return { ...state, view, sort: views[view].sort, isTurned: false, offset: 0, filter: '' };
}
