import type { JsonObject } from '../../json-object.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { type Command, type Invocation, noSuchUser } from './command.ts';
import { readPassword } from './password.ts';

/** Users, their passwords, tags and limits. */
export const userCommands: readonly Command[] = [
  {
    synopsis: 'add_user <user> [password]',
    doc: 'Add a user; without a password on the command line it is read from standard input',
    banner: (given) => `Adding user "${given.argument(0)}" ...`,
    run: async (given) => {
      const path = `/api/users/${given.path(0)}`;
      // Of the commands that read one, rabbitmqctl gives this an exit code of its own.
      const password = given.argument(1) || (await readPassword(ExitCode.Data));
      const isThere = (await given.api.list('/api/users')).some(({ name }) => name === given.argument(0));
      if (isThere)
        throw new CommandError(
          `User "${given.argument(0)}" already exists: change_password gives it another password`,
          ExitCode.Software,
        );
      await given.api.put(path, { password, tags: [] });
      if (!given.isTalkative) return '';
      return "Done. Don't forget to grant the user permissions to some virtual hosts! See leveretctl set_permissions.\n";
    },
  },
  {
    synopsis: 'delete_user <user>',
    doc: 'Delete a user and close the connections',
    banner: (given) => `Deleting user "${given.argument(0)}" ...`,
    run: (given) => quiet(given.api.delete(`/api/users/${given.path(0)}`, noSuchUser(given.argument(0)))),
  },
  {
    synopsis: 'list_users',
    doc: 'List users and their tags',
    banner: () => 'Listing users ...',
    run: async (given) => {
      const users = await given.api.list('/api/users');
      return given.table(
        users.map(({ name, tags }) => ({ user: name, tags: given.words(tags) })),
        ['user', 'tags'],
      );
    },
  },
  {
    synopsis: 'change_password <user> [password]',
    doc: 'Change a password; without one on the command line it is read from standard input',
    banner: (given) => `Changing password for user "${given.argument(0)}" ...`,
    run: async (given) => {
      const { tags } = await user(given);
      const password = given.argument(1) || (await readPassword());
      return quiet(given.api.put(`/api/users/${given.path(0)}`, { tags, password }));
    },
  },
  {
    synopsis: 'clear_password <user>',
    doc: 'Let a user no longer log in with a password',
    banner: (given) => `Clearing password for user "${given.argument(0)}" ...`,
    run: async (given) => {
      const { tags } = await user(given);
      return quiet(given.api.put(`/api/users/${given.path(0)}`, { tags, password_hash: '' }));
    },
  },
  {
    synopsis: 'authenticate_user <user> [password]',
    doc: 'Try a login; without a password on the command line it is read from standard input',
    banner: (given) => `Authenticating user "${given.argument(0)}" ...`,
    run: async (given) => {
      const password = given.argument(1) || (await readPassword());
      if (await given.api.canLogIn(given.argument(0), password)) return 'Success\n';
      throw new CommandError(`failed to authenticate user "${given.argument(0)}"`, ExitCode.Data);
    },
  },
  {
    synopsis: 'set_user_tags <user> [tag] ...',
    doc: 'Give a user these tags and no others',
    banner: (given) => `Setting tags for user "${given.argument(0)}" to [${given.rest(1).join(', ')}] ...`,
    run: async (given) => {
      const { password_hash, hashing_algorithm } = await user(given);
      const body = { password_hash, hashing_algorithm, tags: given.rest(1) };
      return quiet(given.api.put(`/api/users/${given.path(0)}`, body));
    },
  },
  {
    synopsis: 'set_user_limits <user> <limits>',
    doc: 'Set limits of a user: {"max-connections": 5, "max-channels": 20}',
    banner: (given) => `Setting user limits to "${given.argument(1)}" for user "${given.argument(0)}" ...`,
    run: async (given) => {
      await user(given);
      for (const [name, value] of Object.entries(given.json(1))) {
        const path = `/api/user-limits/${given.path(0)}/${encodeURIComponent(name)}`;
        await given.api.put(path, { value });
      }
      return '';
    },
  },
  {
    synopsis: 'clear_user_limits <user> <limit>',
    doc: 'Lift one limit of a user, or all',
    banner: (given) => {
      const what = given.argument(1) === 'all' ? 'all limits' : `"${given.argument(1)}" limit`;
      return `Clearing ${what} for user "${given.argument(0)}" ...`;
    },
    run: async (given) => {
      const limits = (await user(given))['limits'];
      const names = given.argument(1) === 'all' ? Object.keys(limits ?? {}) : [given.argument(1)];
      for (const name of names) {
        await given.api.delete(`/api/user-limits/${given.path(0)}/${encodeURIComponent(name)}`);
      }
      return '';
    },
  },
  {
    synopsis: 'list_user_limits [user]',
    doc: 'List the limits of a user, or with --global of all that have some',
    flags: ['global'],
    isAboutUser: true,
    banner: (given) => {
      const name = limitedUser(given);
      return `Listing limits for ${name === '' ? 'all users' : `user "${name}"`} ...`;
    },
    run: async (given) => {
      const name = limitedUser(given);
      if (name !== '') return `${JSON.stringify((await user(given, name))['limits'])}\n`;
      const rows = await given.api.list('/api/user-limits');
      return given.table(
        rows.map((row) => ({ user: row['user'], limits: JSON.stringify(row['value']) })),
        ['user', 'limits'],
      );
    },
  },
];

/** The user that is the first argument. @throws CommandError */
function user(given: Invocation, name = given.argument(0)): Promise<JsonObject> {
  return given.api.object(`/api/users/${encodeURIComponent(name)}`, noSuchUser(name));
}

/** Whose limits are asked for; nobody's: all. With a password, `--user` is who asks. */
function limitedUser(given: Invocation): string {
  if (given.argument(0) !== '' || given.flag('password') !== undefined) return given.argument(0);
  return given.flag('user') ?? '';
}

/** Nothing is printed when it is done. */
async function quiet(done: Promise<void>): Promise<string> {
  await done;
  return '';
}
