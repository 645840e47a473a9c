import type { Permission } from '../broker/actor.ts';

/** What a user may do in a virtual host: three regular expressions, matched anywhere in a name. */
export interface PermissionRow {
  readonly vhost: string;
  readonly user: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

interface CompiledRow {
  readonly row: PermissionRow;
  readonly patterns: Readonly<Record<Permission, RegExp>>;
}

/**
 * Who may do what (RabbitMQ page "Access Control"). A user without a row for a virtual host may not even
 * connect to it. Kept in memory.
 */
export class Permissions {
  /** Virtual host, then user. */
  readonly #rows = new Map<string, Map<string, CompiledRow>>();
  /** Changes whenever a row does: whoever remembers an answer compares it. */
  #version = 0;

  get version(): number {
    return this.#version;
  }

  /**
   * Sets a user's row for a virtual host.
   *
   * @throws SyntaxError when one of the three is not a regular expression
   */
  put(row: PermissionRow): void {
    const patterns = {
      configure: compile(row.configure),
      write: compile(row.write),
      read: compile(row.read),
    };
    let ofVhost = this.#rows.get(row.vhost);
    if (ofVhost === undefined) {
      ofVhost = new Map();
      this.#rows.set(row.vhost, ofVhost);
    }
    ofVhost.set(row.user, { row, patterns });
    this.#version++;
  }

  get(vhost: string, user: string): PermissionRow | undefined {
    return this.#rows.get(vhost)?.get(user)?.row;
  }

  list(): PermissionRow[] {
    return [...this.#rows.values()].flatMap((rows) => [...rows.values()].map(({ row }) => row));
  }

  /** True when there was such a row. */
  delete(vhost: string, user: string): boolean {
    const deleted = this.#rows.get(vhost)?.delete(user) ?? false;
    if (deleted) this.#version++;
    return deleted;
  }

  /** Whether the user may do this to the queue or exchange of that name (`amq.default`, not empty). */
  allows(vhost: string, user: string, permission: Permission, name: string): boolean {
    return this.#rows.get(vhost)?.get(user)?.patterns[permission].test(name) ?? false;
  }
}

/** Operators write these, so a slow one harms only their own broker. Empty means nothing at all. */
function compile(pattern: string): RegExp {
  return new RegExp(pattern === '' ? '^$' : pattern, 'u');
}
