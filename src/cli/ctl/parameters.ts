import type { JsonObject } from '../../json-object.ts';
import { type Command, noSuchParameter, noSuchVhost } from './command.ts';

/** Runtime parameters, global ones, and the name of the cluster. */
export const parameterCommands: readonly Command[] = [
  {
    synopsis: 'set_parameter <component> <name> <value>',
    doc: 'Set a parameter, in JSON, of a component in a virtual host',
    banner: (given) => {
      const [component, name, value] = given.rest(0);
      const what = `"${name}" for component "${component}" to "${value}"`;
      return `Setting runtime parameter ${what} in vhost "${given.vhost}" ...`;
    },
    run: async (given) => {
      const path = `/api/parameters/${given.path(0)}/${given.vhostPath}/${given.path(1)}`;
      await given.api.put(path, { value: given.jsonValue(2) }, noSuchVhost(given.vhost));
      return '';
    },
  },
  {
    synopsis: 'clear_parameter <component> <name>',
    doc: 'Clear a parameter',
    banner: (given) => {
      const [component, name] = given.rest(0);
      return `Clearing runtime parameter "${name}" for component "${component}" on vhost "${given.vhost}" ...`;
    },
    run: async (given) => {
      const path = `/api/parameters/${given.path(0)}/${given.vhostPath}/${given.path(1)}`;
      await given.api.delete(path, noSuchParameter('list_parameters'));
      return '';
    },
  },
  {
    synopsis: 'list_parameters',
    doc: 'List the parameters in a virtual host',
    banner: (given) => `Listing runtime parameters for vhost "${given.vhost}" ...`,
    run: async (given) => {
      await given.api.object(`/api/vhosts/${given.vhostPath}?columns=name`, noSuchVhost(given.vhost));
      const rows = await given.api.list('/api/parameters');
      return given.table(rows.filter(({ vhost }) => vhost === given.vhost).map(withJson), [
        'component',
        'name',
        'value',
      ]);
    },
  },
  {
    synopsis: 'set_global_parameter <name> <value>',
    doc: 'Set a global parameter, in JSON',
    banner: (given) =>
      `Setting global runtime parameter "${given.argument(0)}" to "${given.argument(1)}" ...`,
    run: async (given) => {
      await given.api.put(`/api/global-parameters/${given.path(0)}`, { value: given.jsonValue(1) });
      return '';
    },
  },
  {
    synopsis: 'clear_global_parameter <name>',
    doc: 'Clear a global parameter',
    banner: (given) => `Clearing global runtime parameter "${given.argument(0)}" ...`,
    run: async (given) => {
      await given.api.delete(
        `/api/global-parameters/${given.path(0)}`,
        noSuchParameter('list_global_parameters'),
      );
      return '';
    },
  },
  {
    synopsis: 'list_global_parameters',
    doc: 'List the global parameters',
    banner: () => 'Listing global runtime parameters ...',
    run: async (given) => {
      const rows = await given.api.list('/api/global-parameters');
      return given.table(rows.map(withJson), ['name', 'value']);
    },
  },
  {
    synopsis: 'set_cluster_name <name>',
    doc: 'Set what the broker calls itself towards clients',
    banner: (given) => `Setting cluster name to ${given.argument(0)} ...`,
    run: async (given) => {
      await given.api.put('/api/cluster-name', { name: given.argument(0) });
      return '';
    },
  },
];

function withJson(row: JsonObject): JsonObject {
  return { ...row, value: JSON.stringify(row['value']) };
}
