import { integer } from '../../../config/value.ts';
import type { JsonObject } from '../../../json-object.ts';
import { CommandError, ExitCode } from '../../exit-code.ts';
import { usageError } from '../../flags.ts';
import { type Invocation, noSuchExchange, noSuchQueue } from '../command.ts';
import { count, counted } from './figures.ts';
import { ShownMessage } from './message.ts';
import { flagValue, isJson, messageFilter, numberFlag, queryOf } from './options.ts';
import type { Terminal } from './terminal.ts';

const truncateDefault = 1024;
const truncateMax = 2 ** 20;

/** `tail <queue>`, `tail --exchange <name>`: shows messages as they pass, until Ctrl-C. @throws CommandError */
export async function tail(given: Invocation, terminal: Terminal): Promise<void> {
  const { path, missing, name } = source(given);
  const { exchange: _, enqueued_before: before, ...filter } = messageFilter(given);
  if (before !== undefined) throw usageError('--older-than: what is followed is new');
  const truncate = flagValue(given, 'truncate', integer(0, truncateMax, 'bytes')) ?? truncateDefault;
  const wanted = numberFlag(given, 'count') ?? Number.POSITIVE_INFINITY;
  let shown = 0;
  let missed = 0;
  const signal = terminal.interruption();
  const isTold = !isJson(given) && given.isTalkative;
  if (isTold) terminal.note(`Following ${name} in vhost '${given.vhost}', Ctrl-C ends it ...\n`);
  const wholePath = path + queryOf({ ...filter, truncate });
  for await (const line of given.api.lines('GET', wholePath, { signal }, { missing })) {
    if (isJson(given)) {
      terminal.write(`${JSON.stringify(line)}\n`);
    } else if (typeof line['missed'] === 'number') {
      missed += line['missed'];
      terminal.note(`… ${counted(line['missed'], 'message')} missed: more than could be shown\n`);
    } else if (line['ended'] !== undefined) {
      throw new CommandError('what was followed has been deleted', ExitCode.Unavailable);
    } else {
      terminal.write(textOf(given, terminal, line, shown + 1));
    }
    if (line['payload'] !== undefined && ++shown >= wanted) break;
  }
  if (!isTold) return;
  const also = missed > 0 ? `, ${count(missed)} missed` : '';
  terminal.note(`${signal.aborted ? '\n' : ''}${counted(shown, 'message')} shown${also}\n`);
}

function textOf(given: Invocation, terminal: Terminal, message: JsonObject, number: number): string {
  const shown = new ShownMessage(message);
  if (given.has('full')) return `${[...shown.lines(`#${number}`), ''].join('\n')}\n`;
  return `${shown.line(terminal.isScreen ? terminal.columns : Number.POSITIVE_INFINITY)}\n`;
}

interface Source {
  readonly path: string;
  /** `queue 'orders'` */
  readonly name: string;
  readonly missing: CommandError;
}

/** @throws CommandError */
function source(given: Invocation): Source {
  const queue = given.argument(0);
  const exchange = given.flag('exchange');
  if ((queue === '') === (exchange === undefined)) {
    throw usageError('tail follows a queue (tail <queue>) or an exchange (tail --exchange <name>)');
  }
  if (exchange === undefined) {
    const path = `/api/queues/${given.vhostPath}/${given.path(0)}/tail`;
    return { path, name: `queue '${queue}'`, missing: noSuchQueue(given) };
  }
  const name = exchange === '' ? 'amq.default' : exchange;
  return {
    path: `/api/exchanges/${given.vhostPath}/${encodeURIComponent(name)}/tail`,
    name: `exchange '${exchange}'`,
    missing: noSuchExchange(given, exchange),
  };
}
