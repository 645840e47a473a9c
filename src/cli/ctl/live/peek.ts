import { integer } from '../../../config/value.ts';
import { isObject, type JsonObject } from '../../../json-object.ts';
import { CommandError, ExitCode } from '../../exit-code.ts';
import { usageError } from '../../flags.ts';
import { type Invocation, noSuchQueue } from '../command.ts';
import { counted } from './figures.ts';
import { ShownMessage } from './message.ts';
import { flagValue, isJson, messageFilter, numberFlag, queryOf } from './options.ts';
import type { Terminal } from './terminal.ts';

const countDefault = 20;
const pageMax = 100;
const truncateDefault = 1024;
const truncateMax = 128 * 2 ** 20;

/** `peek <queue>`: shows ready messages page by page, and leaves them as they are. @throws CommandError */
export async function peek(given: Invocation, terminal: Terminal): Promise<void> {
  const position = positionOf(given);
  const count = position === undefined ? (numberFlag(given, 'count') ?? countDefault) : 1;
  const truncate = flagValue(given, 'truncate', integer(0, truncateMax, 'bytes')) ?? truncateDefault;
  const filter = messageFilter(given);
  const interruption = terminal.interruption();
  let from = position === undefined ? given.flag('from') : await startOf(given, filter, position);
  let shown = 0;
  do {
    const page = await pageOf(given, {
      ...filter,
      truncate,
      limit: Math.min(pageMax, count - shown),
      ...(from !== undefined && { from }),
    });
    for (const view of page.messages) {
      shown++;
      const lines = isJson(given)
        ? [JSON.stringify(view)]
        : [...new ShownMessage(view).lines(`#${position ?? shown}`), ''];
      terminal.write(lines.map((line) => `${line}\n`).join(''));
    }
    from = page.next;
    // With a filter pages may be empty, and the end is far away.
  } while (shown < count && from !== undefined && !interruption.aborted);
  if (position !== undefined && shown === 0) throw nothingAt(position);
  if (isJson(given)) {
    if (from !== undefined) terminal.write(`${JSON.stringify({ next: from })}\n`);
    return;
  }
  if (!given.isTalkative) return;
  const more = from === undefined ? 'there are no more' : `the next ones: --from ${from}`;
  terminal.note(`${counted(shown, 'message')} shown; ${more}\n`);
}

/** As in rabbitmq-queues peek: the first message is 1. @throws CommandError */
function positionOf(given: Invocation): number | undefined {
  const text = given.argument(1);
  if (text === '') return undefined;
  if (!/^[1-9]\d{0,14}$/.test(text)) throw usageError(`position: "${text}" is not a whole number from 1`);
  for (const flag of ['from', 'count'])
    if (given.flag(flag) !== undefined) throw usageError(`a position is given, so --${flag} means nothing`);
  return Number(text);
}

/** Where a page begins that has the message at `position` first. @throws CommandError when there are too few */
async function startOf(given: Invocation, filter: JsonObject, position: number): Promise<string | undefined> {
  let from: string | undefined;
  for (let left = position - 1; left > 0; ) {
    const limit = Math.min(pageMax, left);
    const page = await pageOf(given, { ...filter, truncate: 0, limit, ...(from !== undefined && { from }) });
    left -= page.messages.length;
    from = page.next;
    if (from === undefined) throw nothingAt(position);
  }
  return from;
}

function nothingAt(position: number): CommandError {
  return new CommandError(
    `Target queue does not have a message at that position: it has fewer than ${position} that are ready`,
    ExitCode.Unavailable,
  );
}

async function pageOf(
  given: Invocation,
  query: JsonObject,
): Promise<{ messages: readonly JsonObject[]; next: string | undefined }> {
  const path = `/api/queues/${given.vhostPath}/${given.path(0)}/peek${queryOf(query)}`;
  const page = await given.api.object(path, noSuchQueue(given));
  const { items, next } = page;
  return {
    messages: Array.isArray(items) ? items.filter(isObject) : [],
    next: typeof next === 'string' ? next : undefined,
  };
}
