import type { JsonObject } from '../../../json-object.ts';
import { CommandError, ExitCode } from '../../exit-code.ts';
import { usageError } from '../../flags.ts';
import { type Invocation, noSuchExchange, noSuchQueue } from '../command.ts';
import { count, counted } from './figures.ts';
import { isJson, messageFilter, numberFlag } from './options.ts';
import { Progress } from './progress.ts';
import type { Terminal } from './terminal.ts';

/** `move <from> <to>`: from one queue to another, or through an exchange. @throws CommandError */
export async function move(given: Invocation, terminal: Terminal): Promise<void> {
  const [from, to, exchange] = [given.argument(0), given.argument(1), given.flag('to-exchange')];
  if ((to === '') === (exchange === undefined)) {
    throw usageError(
      'move goes to a queue (move <from> <to>) or an exchange (move <from> --to-exchange <name>)',
    );
  }
  const body = exchange === undefined ? { to_queue: to } : { to_exchange: exchange };
  const target = exchange === undefined ? `'${to}'` : `exchange '${exchange}'`;
  const missingTarget =
    exchange === undefined ? noSuchQueue(given, ExitCode.Unavailable, to) : noSuchExchange(given, exchange);
  const what = `from '${from}' to ${target}`;
  await carryOut(given, terminal, { action: 'move', body, what, missingTarget });
}

/** `replay <queue>`: dead letters back to where they died. @throws CommandError */
export async function replay(given: Invocation, terminal: Terminal): Promise<void> {
  const what = `from '${given.argument(0)}' to where they died`;
  await carryOut(given, terminal, { action: 'replay', body: {}, what });
}

interface Work {
  readonly action: 'move' | 'replay';
  readonly body: JsonObject;
  /** `from 'a' to 'b'` */
  readonly what: string;
  /** What to say when what they are to go to is not there. */
  readonly missingTarget?: CommandError;
}

async function carryOut(given: Invocation, terminal: Terminal, work: Work): Promise<void> {
  const { action, body, what } = work;
  const limit = numberFlag(given, 'limit');
  const isRehearsal = given.has('dry-run');
  const filter = messageFilter(given);
  const all = {
    ...body,
    ...filter,
    limit,
    rate: numberFlag(given, 'rate'),
    dry_run: isRehearsal,
    progress: true,
  };
  const path = `/api/queues/${given.vhostPath}/${given.path(0)}/${action}`;
  const signal = terminal.interruption();
  const progress = await Progress.start(terminal, isRehearsal ? 'looking' : 'moving', !given.isTalkative);
  // With a filter nobody knows how many of those there are will go.
  const isLimited = limit !== undefined && Object.keys(filter).length === 0;
  let last: JsonObject = {};
  try {
    const refusals = { missing: noSuchQueue(given), missingTarget: work.missingTarget };
    for await (const line of given.api.lines('POST', path, { body: all, signal }, refusals)) {
      if (line['error'] !== undefined) throw new CommandError(String(line['error']), ExitCode.Unavailable);
      last = line;
      const total = number(line, 'total');
      if (isLimited) progress.update(number(line, 'moved'), Math.min(limit, total));
      else progress.update(number(line, 'examined'), total);
    }
  } catch (error) {
    throw error instanceof CommandError ? withCount(error, number(last, 'moved')) : error;
  } finally {
    progress.stop();
  }
  report(given, terminal, last, { what, isRehearsal });
}

/** What went wrong, and how far it got before. */
function withCount({ message, exitCode }: CommandError, moved: number): CommandError {
  if (moved === 0) return new CommandError(message, exitCode);
  return new CommandError(`${message} About ${counted(moved, 'message')} had been moved.`, exitCode);
}

/** @throws CommandError when it did not come to its end */
function report(
  given: Invocation,
  terminal: Terminal,
  last: JsonObject,
  { what, isRehearsal }: { readonly what: string; readonly isRehearsal: boolean },
): void {
  const [moved, passedOver, unroutable] = [
    number(last, 'moved'),
    number(last, 'passed_over'),
    number(last, 'unroutable'),
  ];
  const isDone = last['done'] === true;
  if (isJson(given)) terminal.write(`${JSON.stringify({ ...last, done: isDone })}\n`);
  const rest = [
    ...(passedOver > 0 ? [`${count(passedOver)} passed over`] : []),
    ...(unroutable > 0 ? [`${count(unroutable)} stay, there is no queue for them`] : []),
  ];
  const text = [
    `${counted(moved, 'message')} ${isRehearsal ? 'would be moved' : 'moved'} ${what}`,
    ...rest,
  ].join('; ');
  if (!isDone) {
    // What the broker was at when it heard of it is not in its last line.
    const about = isRehearsal ? text : `about ${text}`;
    throw new CommandError(`stopped: ${about}`, ExitCode.Interrupted);
  }
  if (!isJson(given)) terminal.write(`${text}\n`);
  if (last['refused'] === true) {
    throw new CommandError(
      `a full queue (x-max-length with reject-publish) took no more: ${count(moved)} moved, the rest stays`,
      ExitCode.Unavailable,
    );
  }
}

function number(line: JsonObject, name: string): number {
  return Number(line[name] ?? 0);
}
