import type { FileEntry } from './file.ts';

/** Lines of a file that are about one thing together, and the setting that they become. */
interface Group {
  /** `default_users.ID`: the key of the setting. */
  readonly key: string;
  /** With the groups `name` and `field`. */
  readonly line: RegExp;
  /** The value of the setting, from the fields of each name. */
  write(things: ReadonlyMap<string, ReadonlyMap<string, string>>): string;
}

const groups: readonly Group[] = [
  {
    key: 'default_users.ID',
    line: /^default_users\.(?<name>[^.]+)\.(?<field>vhost_pattern|password|tags|configure|write|read)$/,
    write: (users) => {
      const entries = [...users].map(([name, fields]) => [name, Object.fromEntries(fields)]);
      return JSON.stringify(Object.fromEntries(entries));
    },
  },
  {
    // For aliases that cannot be a part of a key: with dots, or with colons.
    key: 'auth_oauth2.scope_aliases.ID',
    line: /^auth_oauth2\.scope_aliases\.(?<name>\d+)\.(?<field>alias|scope)$/,
    write: (aliases) =>
      [...aliases.values()]
        .map((fields) => `${fields.get('alias') ?? ''}=${fields.get('scope') ?? ''}`)
        .join(','),
  },
];

/** Collects the lines of groups. */
export class GroupedLines {
  readonly #things = new Map<Group, Map<string, Map<string, string>>>();
  readonly #first = new Map<Group, FileEntry>();

  /** Whether the line is one of a group, and has been taken. */
  take(entry: FileEntry): boolean {
    for (const group of groups) {
      const { name, field } = group.line.exec(entry.key)?.groups ?? {};
      if (name === undefined || field === undefined) continue;
      const things = this.#things.get(group) ?? new Map<string, Map<string, string>>();
      this.#things.set(group, things);
      things.set(name, (things.get(name) ?? new Map<string, string>()).set(field, entry.value));
      this.#first.set(group, this.#first.get(group) ?? entry);
      return true;
    }
    return false;
  }

  /** One entry for each group; it stands where its first line does. */
  *entries(): Iterable<FileEntry> {
    for (const [group, things] of this.#things) {
      const first = this.#first.get(group);
      if (first !== undefined) yield { ...first, key: group.key, value: group.write(things) };
    }
  }
}
