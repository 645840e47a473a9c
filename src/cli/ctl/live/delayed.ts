import { integer } from '../../../config/value.ts';
import { CommandError, ExitCode } from '../../exit-code.ts';
import { usageError } from '../../flags.ts';
import type { Invocation } from '../command.ts';
import { counted, duration } from './figures.ts';
import { ShownMessage } from './message.ts';
import { flagValue, isJson, numberFlag, queryOf } from './options.ts';
import type { Terminal } from './terminal.ts';

const countDefault = 20;
const pageMax = 100;
const truncateDefault = 1024;
const truncateMax = 128 * 2 ** 20;

/** `list_delayed_messages`: what waits, in the order in which it is due. @throws CommandError */
export async function listDelayed(given: Invocation, terminal: Terminal): Promise<void> {
  const { path, missing } = place(given);
  const count = numberFlag(given, 'count') ?? countDefault;
  const truncate = flagValue(given, 'truncate', integer(0, truncateMax, 'bytes')) ?? truncateDefault;
  let shown = 0;
  let after = given.flag('from');
  for (;;) {
    const limit = Math.min(pageMax, count - shown);
    const query = { limit, truncate, ...(after !== undefined && { after }) };
    const messages = await given.api.list(`${path}${queryOf(query)}`, missing);
    for (const message of messages) {
      shown++;
      terminal.write(isJson(given) ? `${JSON.stringify(message)}\n` : textOf(message));
    }
    const last = messages.at(-1)?.['id'];
    if (last !== undefined) after = String(last);
    if (messages.length === 0 || shown >= count) break;
  }
  if (isJson(given) || !given.isTalkative) return;
  const more = shown < count ? 'there are no more' : `the next ones: --from ${after}`;
  terminal.note(`${counted(shown, 'message')} shown; ${more}\n`);
}

function textOf(message: Readonly<Record<string, unknown>>): string {
  const left = (Number(message['due_at']) - Date.now()) / 1000;
  const when = left > 0 ? `in ${duration(left)}` : 'now';
  const lines = new ShownMessage(message).lines(`id ${message['id']}   ${when}`);
  return `${[...lines, ''].join('\n')}\n`;
}

/** `cancel_delayed_message <id>`: it is gone for good. @throws CommandError */
export async function cancelDelayed(given: Invocation, terminal: Terminal): Promise<void> {
  const { path, name } = place(given);
  const id = given.argument(0);
  const gone = new CommandError(
    `no message ${id} waits in ${name}: leveretctl list_delayed_messages shows those that do`,
    ExitCode.Unavailable,
  );
  await given.api.delete(`${path}/${given.path(0)}`, gone);
  if (given.isTalkative) terminal.write(`Message ${id} is cancelled\n`);
}

function place(given: Invocation): { path: string; name: string; missing: CommandError } {
  const [exchange, queue] = [given.flag('exchange'), given.flag('queue')];
  const name = exchange ?? queue;
  if (name === undefined || (exchange !== undefined && queue !== undefined)) {
    throw usageError(
      'say where messages wait: --exchange <name> (of type x-delayed-message) or --queue <name> (with x-retry-delay)',
    );
  }
  const kind = exchange === undefined ? 'queue' : 'exchange';
  return {
    path: `/api/${kind}s/${given.vhostPath}/${encodeURIComponent(name)}/delayed`,
    name: `${kind} '${name}'`,
    missing: new CommandError(`no ${kind} '${name}' in vhost '${given.vhost}'`, ExitCode.Unavailable),
  };
}
