import type { DefaultPermissions } from '../access/access-control.ts';
import type { SeededUser } from '../administration/seeded-users.ts';
import { NamePattern } from '../broker/policies/name-pattern.ts';
import type { Chapter, SettingReader } from './setting.ts';
import { text, type ValueType } from './value.ts';

const chapter: Chapter = 'Access';

/** `tag=true`, which is what the line `default_user_tags.tag = true` becomes; those that are true. */
const tagSwitches: ValueType<readonly string[]> = {
  placeholder: '<tag>=true|false,...',
  expected: 'a list of tags, each with =true or =false',
  parse: (given) => {
    const parts = given.split(',').map((part) => /^([^=]+)=(true|false)$/.exec(part.trim()));
    if (parts.some((part) => part === null)) return undefined;
    return { value: parts.flatMap((part) => (part?.[2] === 'true' ? [part[1] ?? ''] : [])) };
  },
};

const pattern: ValueType<string> = {
  placeholder: '<regex>',
  expected: 'a regular expression',
  parse: (given) => {
    try {
      new NamePattern(given);
      return { value: given };
    } catch {
      return undefined;
    }
  },
};

/** The fields of a user in `default_users`, and what it is called in {@link SeededUser}. */
function seededUser(name: string, fields: object): SeededUser | undefined {
  const given = new Map<string, unknown>(Object.entries(fields));
  const take = (field: string): string | undefined => {
    const value = given.get(field);
    if (typeof value === 'string') given.delete(field);
    return typeof value === 'string' ? value : undefined;
  };
  const tags = take('tags')
    ?.split(',')
    .map((tag) => tag.trim());
  const patterns = {
    vhostPattern: take('vhost_pattern'),
    configure: take('configure'),
    write: take('write'),
    read: take('read'),
  };
  const arePatterns = Object.values(patterns).every((one) => one === undefined || pattern.parse(one));
  const password = take('password');
  if (name === '' || !arePatterns || given.size > 0) return undefined;
  return { name, password, tags: tags?.filter((tag) => tag !== ''), ...patterns };
}

/** `{"name":{"password":"..."}}`, which is what the lines `default_users.name.password = ...` become. */
const seededUsers: ValueType<readonly SeededUser[]> = {
  placeholder: '{"<name>":{"<field>":"<value>",...},...}',
  expected:
    'an object of users, each with vhost_pattern, configure, write and read (regular expressions), password or tags',
  parse: (given) => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(given);
    } catch {
      return undefined;
    }
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const users = Object.entries(parsed).map(([name, fields]) =>
      typeof fields === 'object' && fields !== null ? seededUser(name, fields) : undefined,
    );
    const known = users.filter((user) => user !== undefined);
    return known.length === users.length ? { value: known } : undefined;
  },
};

/**
 * Who is there after the first start and what they may do, and users for new virtual hosts (RabbitMQ pages
 * "Configuration", "Virtual Hosts").
 */
export function readDefaultUserSettings(read: SettingReader) {
  return {
    defaultUser: read({
      flag: 'default-user',
      fileKeys: ['default_user'],
      type: text,
      defaultValue: 'guest',
      defaultText: 'guest',
      doc: 'Name of the user that is created at the first start.',
      chapter,
    }),
    defaultUserTags: read({
      flag: 'default-user-tags',
      fileKeys: ['default_user_tags.ID'],
      type: tagSwitches,
      defaultValue: ['administrator'],
      defaultText: 'administrator=true',
      doc: 'Tags of this user, each with true, or false for one it does not have.',
      chapter,
    }),
    defaultPermissions: readDefaultPermissions(read),
    defaultPassword: read({
      flag: 'default-pass',
      fileKeys: ['default_pass'],
      type: text,
      defaultValue: 'guest',
      defaultText: 'guest',
      doc: 'Password of the user that is created at the first start.',
      chapter,
      secret: true,
    }),
    defaultVirtualHost: read({
      flag: 'default-vhost',
      fileKeys: ['default_vhost'],
      type: text,
      defaultValue: '/',
      defaultText: '/',
      doc: 'Virtual host that is created at the first start.',
      chapter,
    }),
    seededUsers: read({
      flag: 'default-users',
      fileKeys: ['default_users.ID'],
      type: seededUsers,
      defaultValue: [],
      defaultText: 'none',
      doc: 'Users for new virtual hosts, the first one included: `default_users.NAME.vhost_pattern` says for which (default: all), `.password` and `.tags` count when there is no such user yet, `.configure`, `.write` and `.read` are the permissions there (default: everything).',
      chapter,
      secret: true,
    }),
  };
}

/** What the user of the first start may do in the first virtual host. */
function readDefaultPermissions(read: SettingReader): DefaultPermissions {
  const one = (permission: keyof DefaultPermissions, what: string) =>
    read({
      flag: `default-permissions-${permission}`,
      fileKeys: [`default_permissions.${permission}`],
      type: pattern,
      defaultValue: '.*',
      defaultText: '.*',
      doc: `Names that this user may ${what} in this virtual host.`,
      chapter,
    });
  return {
    configure: one('configure', 'declare and delete'),
    write: one('write', 'publish or bind to'),
    read: one('read', 'consume from'),
  };
}
