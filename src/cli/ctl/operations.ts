import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../json-object.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { type Command, type Invocation, noSuchQueue, noSuchVhost } from './command.ts';

/** What operators do to queues and connections. */
export const operationCommands: readonly Command[] = [
  {
    synopsis: 'delete_queue <queue>',
    doc: 'Delete a queue with its messages',
    flags: ['if-empty', 'if-unused'],
    banner: (given) => {
      const conditions = ['if-empty', 'if-unused'].filter((each) => given.has(each));
      const only = conditions.map((each) => ` if queue is ${each.slice('if-'.length)}`).join(' and');
      return `Deleting queue '${given.argument(0)}' on vhost '${given.vhost}'${only} ...`;
    },
    run: async (given) => {
      const path = `/api/queues/${given.vhostPath}/${given.path(0)}`;
      const missing = noSuchQueue(given, ExitCode.Usage);
      const { messages_ready: ready } = await given.api.object(`${path}?columns=messages_ready`, missing);
      const query = `if-empty=${given.has('if-empty')}&if-unused=${given.has('if-unused')}`;
      await given.api.delete(`${path}?${query}`, missing);
      return `Queue was successfully deleted with ${ready} ready messages\n`;
    },
  },
  {
    synopsis: 'purge_queue <queue>',
    doc: 'Drop the ready messages of a queue',
    banner: (given) => `Purging queue '${given.argument(0)}' in vhost '${given.vhost}' ...`,
    run: async (given) => {
      const path = `/api/queues/${given.vhostPath}/${given.path(0)}/contents`;
      await given.api.delete(path, noSuchQueue(given));
      return '';
    },
  },
  {
    synopsis: 'close_connection <connection> <reason>',
    doc: 'Close a connection, which goes by the name that list_connections name shows',
    banner: (given) => `Closing connection ${given.argument(0)}, reason: ${given.argument(1)}...`,
    run: async (given) => {
      const missing = new CommandError(
        `no connection '${given.argument(0)}': leveretctl list_connections name shows what they are called here`,
        ExitCode.Unavailable,
      );
      await close(given, given.argument(0), given.argument(1), missing);
      return '';
    },
  },
  {
    synopsis: 'close_all_connections <reason>',
    doc: 'Close all connections to a virtual host, or with --global to all',
    flags: ['global', 'limit', 'per-connection-delay'],
    banner: (given) => {
      const which = given.has('global') ? '' : ` in vhost ${given.vhost}`;
      return `Closing all connections${which}, reason: ${given.argument(0)}...`;
    },
    run: async (given) => {
      const path = given.has('global') ? '/api/connections' : `/api/vhosts/${given.vhostPath}/connections`;
      const rows = await given.api.list(`${path}?columns=name`, noSuchVhost(given.vhost));
      const limit = given.count('limit', 0) || rows.length;
      const delayMs = given.count('per-connection-delay', 0);
      const count = await closeAll(given, rows.slice(0, limit), given.argument(0), delayMs);
      return `Closed ${count} connections\n`;
    },
  },
  {
    synopsis: 'close_all_user_connections <user> <reason>',
    doc: 'Close all connections of a user',
    banner: (given) => `Closing connections of user ${given.argument(0)}, reason: ${given.argument(1)}...`,
    run: async (given) => {
      const rows = await given.api.list('/api/connections?columns=name,user');
      const ofUser = rows.filter(({ user }) => user === given.argument(0));
      await closeAll(given, ofUser, given.argument(1));
      return '';
    },
  },
];

/** Closes connections, and says how many: those that go meanwhile count as well. @throws CommandError */
export async function closeAll(
  given: Invocation,
  rows: readonly JsonObject[],
  reason: string,
  delayMs = 0,
): Promise<number> {
  const gone = new CommandError('gone');
  for (const [index, { name }] of rows.entries()) {
    if (delayMs > 0 && index > 0) await sleep(delayMs);
    await close(given, String(name), reason, gone).catch((error: unknown) => {
      if (error !== gone) throw error;
    });
  }
  return rows.length;
}

function close(given: Invocation, name: string, reason: string, missing: CommandError): Promise<void> {
  // A header cannot hold more.
  const printable = reason.replace(/[^\x20-\x7e]/g, '?');
  return given.api.delete(`/api/connections/${encodeURIComponent(name)}`, missing, { 'x-reason': printable });
}
