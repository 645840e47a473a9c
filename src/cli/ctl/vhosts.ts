import type { JsonObject } from '../../json-object.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { objectOf } from './api.ts';
import { type Command, type Invocation, noSuchVhost, unknownColumns } from './command.ts';

const vhostColumns = ['name', 'description', 'tags', 'default_queue_type', 'tracing', 'cluster_state'];

const metadataFlags = ['description', 'tags', 'default-queue-type'] as const;

/** Virtual hosts, their limits, and tracing. */
export const vhostCommands: readonly Command[] = [
  {
    synopsis: 'add_vhost <vhost>',
    doc: 'Add a virtual host; you get all permissions in it, if you are a user',
    flags: metadataFlags,
    banner: (given) => `Adding vhost "${given.argument(0)}" ...`,
    run: async (given) => {
      await given.api.put(`/api/vhosts/${given.path(0)}`, metadata(given));
      return '';
    },
  },
  {
    synopsis: 'delete_vhost <vhost>',
    doc: 'Delete a virtual host and everything in it',
    banner: (given) => `Deleting vhost "${given.argument(0)}" ...`,
    run: async (given) => {
      await given.api.delete(`/api/vhosts/${given.path(0)}`, noSuchVhost(given.argument(0)));
      return '';
    },
  },
  {
    synopsis: 'list_vhosts [column] ...',
    doc: 'List virtual hosts',
    details: `Columns: ${vhostColumns.join(', ')}`,
    banner: () => 'Listing vhosts ...',
    run: async (given) => {
      const words = given.rest(0).flatMap((word) => word.split(','));
      const columns = words.length > 0 ? words : ['name'];
      const unknown = columns.filter((column) => !vhostColumns.includes(column));
      if (unknown.length > 0) throw unknownColumns(unknown, vhostColumns);
      const vhosts = await given.api.list('/api/vhosts');
      return given.table(
        vhosts.map((vhost) => ({ ...vhost, tags: given.words(vhost['tags']) })),
        columns,
      );
    },
  },
  {
    synopsis: 'set_vhost_tags <vhost> [tag] ...',
    doc: 'Give a virtual host these tags and no others',
    banner: (given) =>
      `Setting tags for virtual host "${given.argument(0)}" to [${given.rest(1).join(', ')}] ...`,
    run: (given) => change(given, given.argument(0), { tags: given.rest(1) }),
  },
  {
    synopsis: 'update_vhost_metadata <vhost>',
    doc: 'Change a virtual host',
    flags: metadataFlags,
    banner: (given) => `Updating metadata of vhost "${given.argument(0)}" ...`,
    run: (given) => change(given, given.argument(0), metadata(given)),
  },
  {
    synopsis: 'restart_vhost',
    doc: 'Start a virtual host that has failed: they always run',
    banner: (given) => `Trying to restart vhost '${given.vhost}' ...`,
    run: async (given) => {
      const path = `/api/vhosts/${given.vhostPath}`;
      await given.api.object(
        path,
        new CommandError(`no such virtual host: '${given.vhost}'`, ExitCode.Software),
      );
      return `Vhost '${given.vhost}' is already running on node '${await given.node()}'\n`;
    },
  },
  {
    synopsis: 'trace_on',
    doc: 'Copy what is published and delivered in a virtual host to amq.rabbitmq.trace',
    banner: (given) => `Starting tracing for vhost "${given.vhost}" ...`,
    run: async (given) => {
      await change(given, given.vhost, { tracing: true });
      return `Trace enabled for vhost ${given.vhost}\n`;
    },
  },
  {
    synopsis: 'trace_off',
    doc: 'No longer copy it',
    banner: (given) => `Stopping tracing for vhost "${given.vhost}" ...`,
    run: async (given) => {
      await change(given, given.vhost, { tracing: false });
      return `Trace disabled for vhost ${given.vhost}\n`;
    },
  },
  {
    synopsis: 'set_vhost_limits <limits>',
    doc: 'Set the limits of a virtual host: {"max-connections": 5, "max-queues": 20}',
    banner: (given) => `Setting vhost limits to "${given.argument(0)}" for vhost "${given.vhost}" ...`,
    run: async (given) => {
      const path = `/api/parameters/vhost-limits/${given.vhostPath}/limits`;
      await given.api.put(path, { value: given.json(0) }, noSuchVhost(given.vhost));
      return '';
    },
  },
  {
    synopsis: 'clear_vhost_limits',
    doc: 'Lift all limits of a virtual host',
    banner: (given) => `Clearing vhost "${given.vhost}" limits ...`,
    run: async (given) => {
      if (Object.keys(await limitsOf(given)).length > 0) {
        await given.api.delete(`/api/parameters/vhost-limits/${given.vhostPath}/limits`);
      }
      return '';
    },
  },
  {
    synopsis: 'list_vhost_limits',
    doc: 'List the limits of a virtual host, or with --global of all that have some',
    flags: ['global'],
    banner: (given) =>
      given.has('global')
        ? 'Listing limits for all vhosts ...'
        : `Listing limits for vhost "${given.vhost}" ...`,
    run: async (given) => {
      if (!given.has('global')) return `${JSON.stringify(await limitsOf(given))}\n`;
      const rows = await given.api.list('/api/vhost-limits');
      return given.table(
        rows.map((row) => ({ vhost: row['vhost'], limits: JSON.stringify(row['value']) })),
        ['vhost', 'limits'],
      );
    },
  },
];

async function limitsOf(given: Invocation): Promise<JsonObject> {
  const [row] = await given.api.list(`/api/vhost-limits/${given.vhostPath}`, noSuchVhost(given.vhost));
  return objectOf(row?.['value']);
}

/** Of one that is there. @throws CommandError */
async function change(given: Invocation, vhost: string, body: JsonObject): Promise<string> {
  const path = `/api/vhosts/${encodeURIComponent(vhost)}`;
  await given.api.object(path, noSuchVhost(vhost));
  await given.api.put(path, body);
  return '';
}

function metadata(given: Invocation): JsonObject {
  const description = given.flag('description');
  const tags = given.flag('tags');
  const type = given.flag('default-queue-type');
  return {
    ...(description !== undefined && { description }),
    ...(tags !== undefined && { tags: tags.split(',').filter((tag) => tag !== '') }),
    ...(type !== undefined && { default_queue_type: type }),
  };
}
