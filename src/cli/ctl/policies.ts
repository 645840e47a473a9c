import { usageError } from '../flags.ts';
import { type Command, type Invocation, noSuchParameter, noSuchVhost } from './command.ts';

const columns = ['vhost', 'name', 'pattern', 'apply-to', 'definition', 'priority'];

interface Words {
  /** Of the commands and of the API. */
  readonly verb: string;
  readonly verbs: string;
  readonly path: string;
  /** What rabbitmqctl calls them. */
  readonly set: string;
  readonly one: string;
  readonly many: string;
}

/** Policies and operator policies. */
export const policyCommands: readonly Command[] = [
  ...commands({
    verb: 'policy',
    verbs: 'policies',
    path: '/api/policies',
    set: 'policy',
    one: 'policy',
    many: 'policies',
  }),
  ...commands({
    verb: 'operator_policy',
    verbs: 'operator_policies',
    path: '/api/operator-policies',
    set: 'operator policy override',
    one: 'operator policy',
    many: 'operator policy overrides',
  }),
];

function commands({ verb, verbs, path, set, one, many }: Words): readonly Command[] {
  return [
    {
      synopsis: `set_${verb} <name> <pattern> <definition>`,
      doc: `Set the ${one} of this name `,
      flags: ['priority', 'apply-to'],
      banner: (given) => {
        const [name, pattern, definition] = given.rest(0);
        const priority = priorityOf(given);
        const what = `${set} "${name}" for pattern "${pattern}" to "${definition}"`;
        return `Setting ${what} with priority "${priority}" for vhost "${given.vhost}" ...`;
      },
      run: async (given) => {
        const body = {
          pattern: given.argument(1),
          definition: given.json(2),
          priority: priorityOf(given),
          'apply-to': given.flag('apply-to') ?? 'all',
        };
        await given.api.put(`${path}/${given.vhostPath}/${given.path(0)}`, body, noSuchVhost(given.vhost));
        return '';
      },
    },
    {
      synopsis: `clear_${verb} <name>`,
      doc: `Clear the ${one} of this name`,
      banner: (given) => `Clearing ${one} "${given.argument(0)}" on vhost "${given.vhost}" ...`,
      run: async (given) => {
        await given.api.delete(
          `${path}/${given.vhostPath}/${given.path(0)}`,
          noSuchParameter(`list_${verbs}`),
        );
        return '';
      },
    },
    {
      synopsis: `list_${verbs}`,
      doc: `List the ${one.replace('policy', 'policies')} of a virtual host`,
      banner: (given) => `Listing ${many} for vhost "${given.vhost}" ...`,
      run: async (given) => {
        const rows = await given.api.list(`${path}/${given.vhostPath}`, noSuchVhost(given.vhost));
        return given.table(
          rows.map((row) => ({ ...row, definition: JSON.stringify(row['definition']) })),
          columns,
        );
      },
    },
  ];
}

/** @throws CommandError */
function priorityOf(given: Invocation): number {
  const text = given.flag('priority') ?? '0';
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw usageError(
    `--priority: "${text}" is not a whole number; of several policies the one with the highest counts`,
  );
}
