import { type CommandError, ExitCode } from '../exit-code.ts';
import { type Command, type Invocation, noSuchUser, noSuchVhost } from './command.ts';

const rowColumns = ['configure', 'write', 'read'];

/** Permissions and topic permissions. */
export const permissionCommands: readonly Command[] = [
  {
    synopsis: 'set_permissions <user> <configure> <write> <read>',
    doc: 'Set what a user may do in a virtual host: three regular expressions',
    banner: (given) => `Setting permissions for user "${given.argument(0)}" in vhost "${given.vhost}" ...`,
    run: async (given) => {
      const [, configure, write, read] = given.rest(0);
      const path = `/api/permissions/${given.vhostPath}/${given.path(0)}`;
      await given.api.put(path, { configure, write, read }, nowhere(given));
      return '';
    },
  },
  {
    synopsis: 'clear_permissions <user>',
    doc: 'Take the permissions of a user in a virtual host away',
    banner: (given) => `Clearing permissions for user "${given.argument(0)}" in vhost "${given.vhost}" ...`,
    run: async (given) => {
      await given.api.object(`/api/vhosts/${given.vhostPath}?columns=name`, nowhere(given));
      await given.api.object(`/api/users/${given.path(0)}`, noSuchUser(given.argument(0)));
      const rows = await given.api.list(`/api/users/${given.path(0)}/permissions`);
      const isThere = rows.some(({ vhost }) => vhost === given.vhost);
      if (isThere) await given.api.delete(`/api/permissions/${given.vhostPath}/${given.path(0)}`);
      return '';
    },
  },
  {
    synopsis: 'list_permissions',
    doc: 'List the permissions in a virtual host',
    banner: (given) => `Listing permissions for vhost "${given.vhost}" ...`,
    run: async (given) => {
      const path = `/api/vhosts/${given.vhostPath}/permissions`;
      return given.table(await given.api.list(path, noSuchVhost(given.vhost)), ['user', ...rowColumns]);
    },
  },
  {
    synopsis: 'list_user_permissions <user>',
    doc: 'List the permissions of a user in all virtual hosts',
    banner: (given) => `Listing permissions for user "${given.argument(0)}" ...`,
    run: async (given) => {
      const path = `/api/users/${given.path(0)}/permissions`;
      const rows = await given.api.list(path, nobody(given));
      return given.table(rows, ['vhost', ...rowColumns]);
    },
  },
  {
    synopsis: 'set_topic_permissions <user> <exchange> <write> <read>',
    doc: 'Set with which routing keys a user may use a topic exchange: two regular expressions',
    banner: (given) => {
      const where = `for user "${given.argument(0)}" in vhost "${given.vhost}"`;
      return `Setting topic permissions on "${given.argument(1)}" ${where} ...`;
    },
    run: async (given) => {
      const [, exchange, write, read] = given.rest(0);
      const path = `/api/topic-permissions/${given.vhostPath}/${given.path(0)}`;
      await given.api.put(path, { exchange, write, read }, noSuchVhost(given.vhost));
      return '';
    },
  },
  {
    synopsis: 'clear_topic_permissions <user> [exchange]',
    doc: 'Take the topic permissions of a user in a virtual host away, all or those for one exchange',
    banner: (given) => {
      const what = given.argument(1) === '' ? '' : ` on "${given.argument(1)}"`;
      return `Clearing topic permissions${what} for user "${given.argument(0)}" in vhost "${given.vhost}" ...`;
    },
    run: async (given) => {
      const path = `/api/topic-permissions/${given.vhostPath}/${given.path(0)}`;
      const missing = noSuchUser(given.argument(0));
      await given.api.object(`/api/users/${given.path(0)}`, missing);
      const rows = await given.api.list(`/api/users/${given.path(0)}/topic-permissions`);
      const isMeant = (exchange: unknown) => given.argument(1) === '' || exchange === given.argument(1);
      for (const { vhost, exchange } of rows) {
        if (vhost !== given.vhost || !isMeant(exchange)) continue;
        await given.api.delete(`${path}/${encodeURIComponent(String(exchange))}`);
      }
      return '';
    },
  },
  {
    synopsis: 'list_topic_permissions',
    doc: 'List the topic permissions in a virtual host',
    banner: (given) => `Listing topic permissions for vhost "${given.vhost}" ...`,
    run: async (given) => {
      const path = `/api/vhosts/${given.vhostPath}/topic-permissions`;
      const rows = await given.api.list(path, noSuchVhost(given.vhost));
      return given.table(rows, ['user', 'exchange', 'write', 'read']);
    },
  },
  {
    synopsis: 'list_user_topic_permissions <user>',
    doc: 'List the topic permissions of a user in all virtual hosts',
    banner: (given) => `Listing topic permissions for user "${given.argument(0)}" ...`,
    run: async (given) => {
      const path = `/api/users/${given.path(0)}/topic-permissions`;
      const rows = await given.api.list(path, noSuchUser(given.argument(0)));
      return given.table(rows, ['vhost', 'exchange', 'write', 'read']);
    },
  },
];

/** Here rabbitmqctl has other exit codes than elsewhere. */
function nowhere({ vhost }: Invocation): CommandError {
  return noSuchVhost(vhost, ExitCode.Unavailable);
}

function nobody(given: Invocation): CommandError {
  return noSuchUser(given.argument(0), ExitCode.Unavailable);
}
