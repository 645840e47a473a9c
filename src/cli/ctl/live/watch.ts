import { usageError } from '../../flags.ts';
import { oneLine } from '../../printable.ts';
import { type Command, type Invocation, nameOf } from '../command.ts';
import { timeOfDay } from './figures.ts';
import { intervalOf } from './options.ts';
import { Screen } from './screen.ts';
import type { Terminal } from './terminal.ts';
import { clipped, padded, widthOf } from './text.ts';

/** Lines that are no rows: the title, the names of the columns. */
const headLines = 2;
const gap = 2;
/** A column is not made narrower than this. */
const narrowest = 12;

/** A list again and again, on a screen as much of it as fits. @throws CommandError when it cannot be had */
export async function watch(command: Command, given: Invocation, terminal: Terminal): Promise<void> {
  const verb = nameOf(command);
  if (!verb.startsWith('list_') || verb === 'list_delayed_messages')
    throw usageError(`--watch: ${verb} is no list`);
  const intervalMs = intervalOf(given);
  const interruption = terminal.interruption();
  if (!terminal.isScreen) {
    for (let isFirst = true; !interruption.aborted; isFirst = false) {
      terminal.write(`${isFirst ? '' : '\n'}${await command.run(given, terminal)}`);
      await pause(intervalMs, interruption);
    }
    return;
  }
  let shown = '';
  let problem: string | undefined;
  const draw = () => screen.draw(watchLines(shown, problem ?? title(verb, intervalMs), terminal));
  const quit = new AbortController();
  const over = AbortSignal.any([interruption, quit.signal]);
  const look = async () => command.run(given.withRows(Math.max(1, terminal.rows - headLines)), terminal);
  shown = await look();
  const screen = new Screen(
    ({ name, ctrl }) => {
      if (name === 'q' || (ctrl === true && name === 'c')) quit.abort();
    },
    () => draw(),
  );
  try {
    while (!over.aborted) {
      draw();
      await pause(intervalMs, over);
      if (over.aborted) break;
      // The broker may come back.
      [shown, problem] = await look().then(
        (text): [string, undefined] => [text, undefined],
        (error: unknown): [string, string] => [shown, error instanceof Error ? error.message : String(error)],
      );
    }
  } finally {
    screen.close();
  }
}

function title(verb: string, intervalMs: number): string {
  return `${verb}   every ${intervalMs / 1000} s   ${timeOfDay(Date.now()).slice(0, 8)}   q quits`;
}

/** A table with tabs as lines of aligned columns, no more and none longer than fit. */
export function watchLines(
  table: string,
  title: string,
  { columns, rows }: Pick<Terminal, 'columns' | 'rows'>,
): readonly string[] {
  const cells = table
    .split('\n')
    .filter((line) => line !== '')
    .slice(0, Math.max(0, rows - 1))
    .map((line) => line.split('\t').map(oneLine));
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, widthOf(cell));
    });
  }
  shrink(widths, columns);
  const lines = cells.map((row) => {
    const aligned = row.map((cell, index) => padded(cell, widths[index] ?? 0));
    return clipped(aligned.join(' '.repeat(gap)).trimEnd(), columns);
  });
  return [clipped(title, columns), ...lines];
}

/** Takes from the widest columns what is too much for the line, so that long names do not push figures out. */
function shrink(widths: number[], columns: number): void {
  let excess = widths.reduce((sum, width) => sum + width + gap, -gap) - columns;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= narrowest) return;
    widths[widths.indexOf(widest)] = widest - 1;
    excess--;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
