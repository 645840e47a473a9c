import type { JsonObject } from '../../../../json-object.ts';
import { oneLine } from '../../../printable.ts';
import { count, perSecond } from '../figures.ts';
import { clipped, padded } from '../text.ts';
import { sortColumn, type TopState } from './state.ts';
import { type Column, valueAt, viewNames, views } from './views.ts';

/** What the broker has said. */
export interface Snapshot {
  readonly overview: JsonObject;
  /** Those on the screen. */
  readonly rows: readonly JsonObject[];
  /** How many there are that the filter lets pass. */
  readonly total: number;
}

export interface Window {
  readonly columns: number;
  readonly rows: number;
  readonly hasColors: boolean;
}

/** Lines above the rows and below them. */
const headLines = 4;
const footLines = 1;
const gap = 2;

/** Rows that fit. */
export function pageSize({ rows }: Pick<Window, 'rows'>): number {
  return Math.max(1, rows - headLines - footLines);
}

/** What is on the screen: as many lines as the window has, none longer than it is wide. `problem`: what went wrong. */
export function renderTop(
  state: TopState,
  snapshot: Snapshot | undefined,
  window: Window,
  problem?: string,
): readonly string[] {
  const body = state.isHelpShown ? helpLines(window) : listLines(state, snapshot, window);
  const room = Math.max(0, window.rows - headLines);
  const filled = Array.from({ length: room }, (_, index) => body[index] ?? '');
  const lines = [
    ...summaryLines(state, snapshot, window, problem),
    ...filled,
    footLine(state, snapshot, window),
  ];
  return lines.slice(0, window.rows);
}

function summaryLines(
  state: TopState,
  snapshot: Snapshot | undefined,
  window: Window,
  problem: string | undefined,
): readonly string[] {
  const { overview = {} } = snapshot ?? {};
  const at = (path: string) => valueAt(overview, path);
  const name =
    snapshot === undefined
      ? 'leveretctl top'
      : `${at('node')}  ${at('product_name')} ${at('product_version')}`;
  const pace = state.isPaused ? 'paused' : `every ${state.intervalMs / 1000} s`;
  const tabs = viewNames
    .map((view, index) => `${index + 1} ${view === state.view ? `[${view}]` : view}`)
    .join('  ');
  const objects = ['queues', 'connections', 'channels', 'consumers'].map(
    (what) => `${what} ${count(Number(at(`object_totals.${what}`) ?? 0))}`,
  );
  const messages = [
    `messages ready ${count(Number(at('queue_totals.messages_ready') ?? 0))}`,
    `unacked ${count(Number(at('queue_totals.messages_unacknowledged') ?? 0))}`,
    `in ${perSecond(Number(at('message_stats.publish_details.rate') ?? 0))}/s`,
    `out ${perSecond(Number(at('message_stats.deliver_get_details.rate') ?? 0))}/s`,
  ];
  const first = problem === undefined ? `${name}   ${tabs}   ${pace}` : oneLine(problem);
  const style = problem === undefined ? styles.bold : styles.red;
  return [
    styled(clipped(first, window.columns), style, window),
    clipped(objects.join('  '), window.columns),
    clipped(messages.join('  '), window.columns),
  ];
}

function listLines(state: TopState, snapshot: Snapshot | undefined, window: Window): readonly string[] {
  const shown = shownColumns(state, window);
  const heading = shown
    .map(({ column, width }) => padded(headingOf(state, column), width, column.isNumber))
    .join(' '.repeat(gap));
  const rows = snapshot?.rows ?? [];
  return [
    styled(padded(heading, window.columns), styles.reverse, window),
    ...rows
      .slice(0, pageSize(window))
      .map((row) =>
        clipped(
          shown
            .map(({ column, width }) =>
              padded(column.text(valueAt(row, column.path)), width, column.isNumber),
            )
            .join(' '.repeat(gap)),
          window.columns,
        ),
      ),
  ];
}

function headingOf(state: TopState, { name, heading, isNumber }: Column): string {
  if (name !== state.sort) return heading;
  return `${heading}${isNumber === state.isTurned ? '↑' : '↓'}`;
}

/** Those for which there is room, with the column that is sorted by among them; the first one takes the rest. */
export function shownColumns(
  state: TopState,
  { columns: width }: Pick<Window, 'columns'>,
): readonly { readonly column: Column; readonly width: number }[] {
  const { columns } = views[state.view];
  const sorted = sortColumn(state);
  const byRank = columns.toSorted((left, right) => rankOf(left, sorted) - rankOf(right, sorted));
  const kept = new Set<Column>();
  let used = -gap;
  for (const column of byRank) {
    if (kept.size > 0 && used + gap + column.width > width) break;
    kept.add(column);
    used += gap + column.width;
  }
  const spare = Math.max(0, width - used);
  return columns
    .filter((column) => kept.has(column))
    .map((column, index) => ({ column, width: index === 0 ? column.width + spare : column.width }));
}

function rankOf(column: Column, sorted: Column | undefined): number {
  return column === sorted && column.rank > 0 ? 0.5 : column.rank;
}

function footLine(state: TopState, snapshot: Snapshot | undefined, window: Window): string {
  if (state.draft !== undefined) return clipped(`names with: ${oneLine(state.draft)}_`, window.columns);
  const { total = 0, rows = [] } = snapshot ?? {};
  const range =
    rows.length === 0 ? 'none' : `${count(state.offset + 1)}-${count(state.offset + rows.length)}`;
  const filter = state.filter === '' ? '' : `  with "${oneLine(state.filter)}" (Esc: all)`;
  const keys = 'q quit  ←→ sort  r turn  / filter  ↑↓ scroll  Tab next list  h help';
  return styled(
    clipped(`${range} of ${count(total)}${filter}   ${keys}`, window.columns),
    styles.dim,
    window,
  );
}

function helpLines({ columns }: Window): readonly string[] {
  return [
    '',
    '1 2 3, Tab         queues, connections, channels',
    '← →                sort by the column before or after',
    'r                  the other way round',
    '↑ ↓ PgUp PgDn      scroll; also k, j and space',
    'Home End           to the first, to the last',
    '/                  show names that contain a text; Enter takes it, Esc does not',
    'Esc                show all again',
    '+ -                look less often, more often',
    'p                  pause, go on',
    'q, Ctrl-C          quit',
    '',
    'IN/S and OUT/S are messages published and delivered a second, of connections bytes.',
    'Any key goes back.',
  ].map((line) => clipped(line, columns));
}

const styles = { bold: '1', dim: '2', reverse: '7', red: '31' } as const;

function styled(text: string, code: string, { hasColors }: Window): string {
  return hasColors ? `\x1b[${code}m${text}\x1b[0m` : text;
}
