import { type PermissionRow, UserPermission } from '../access/permissions.ts';
import { TopicPermission, type TopicPermissionRow } from '../access/topic-permissions.ts';
import { AdministrationError } from './administration-error.ts';
import { checkName, checkPattern, checkRoom } from './checks.ts';
import { type AdministrationContext, expectVirtualHost } from './context.ts';

/** Of either kind, all users and virtual hosts together. */
const permissionsMax = 1_000_000;

/** Some rows of many. */
export interface PermissionFilter {
  readonly vhost?: string;
  readonly user?: string;
}

/** Permissions of the internal back end. Changes are in force at once and on disk when the promise resolves. */
export class PermissionAdministration {
  readonly #context: AdministrationContext;

  constructor(context: AdministrationContext) {
    this.#context = context;
  }

  /** By virtual host and user. */
  list(filter: PermissionFilter = {}): readonly PermissionRow[] {
    return this.#context.access.permissions.list().filter((row) => isMeant(row, filter));
  }

  get(vhost: string, user: string): PermissionRow | undefined {
    return this.#context.access.permissions.get(vhost, user);
  }

  /** True if there was none for this user and virtual host. @throws AdministrationError */
  async put(row: PermissionRow): Promise<boolean> {
    const { access, log, broker } = this.#context;
    expectUserAndVirtualHost(this.#context, row);
    for (const key of ['configure', 'write', 'read'] as const) checkPattern(key, row[key]);
    if (this.get(row.vhost, row.user) === undefined) {
      checkRoom('permissions', access.permissions.size, permissionsMax);
    }
    const isNew = access.permissions.put(new UserPermission(row));
    this.#context.events.permissionSet(row);
    const patterns = `'${row.configure}', '${row.write}', '${row.read}'`;
    log.info(row, `set permissions for user '${row.user}' in vhost '${row.vhost}' to ${patterns}`);
    await broker.committer.flush();
    return isNew;
  }

  /** The user's connections stay and are refused everything. False if there is no such row. */
  async delete(vhost: string, user: string): Promise<boolean> {
    const { access, log, broker } = this.#context;
    if (!access.permissions.delete(vhost, user)) return false;
    this.#context.events.permissionCleared(vhost, user);
    log.info({ vhost, user }, `cleared permissions for user '${user}' in vhost '${vhost}'`);
    await broker.committer.flush();
    return true;
  }
}

/** Topic permissions of the internal back end, as {@link PermissionAdministration}. */
export class TopicPermissionAdministration {
  readonly #context: AdministrationContext;

  constructor(context: AdministrationContext) {
    this.#context = context;
  }

  /** By virtual host, user and exchange. */
  list(filter: PermissionFilter = {}): readonly TopicPermissionRow[] {
    return this.#context.access.topicPermissions.list().filter((row) => isMeant(row, filter));
  }

  get(vhost: string, user: string, exchange: string): TopicPermissionRow | undefined {
    return this.#context.access.topicPermissions.get(vhost, user, exchange);
  }

  /** The exchange need not exist. True if there was none for these. @throws AdministrationError */
  async put(row: TopicPermissionRow): Promise<boolean> {
    const { access, log, broker } = this.#context;
    expectUserAndVirtualHost(this.#context, row);
    checkName('topic exchange', row.exchange);
    for (const key of ['write', 'read'] as const) checkPattern(key, row[key]);
    if (this.get(row.vhost, row.user, row.exchange) === undefined) {
      checkRoom('topic permissions', access.topicPermissions.size, permissionsMax);
    }
    const isNew = access.topicPermissions.put(new TopicPermission(row));
    this.#context.events.topicPermissionSet(row);
    const where = `exchange '${row.exchange}' in vhost '${row.vhost}'`;
    log.info(
      row,
      `set topic permissions for user '${row.user}' on ${where} to '${row.write}', '${row.read}'`,
    );
    await broker.committer.flush();
    return isNew;
  }

  /** Those for one exchange, or all of the user there. False if there are none. */
  async delete(vhost: string, user: string, exchange?: string): Promise<boolean> {
    const { access, log, broker } = this.#context;
    const found = this.list({ vhost, user }).filter(
      (row) => exchange === undefined || row.exchange === exchange,
    );
    if (found.length === 0) return false;
    for (const row of found) access.topicPermissions.delete(vhost, user, row.exchange);
    this.#context.events.topicPermissionCleared(vhost, user);
    log.info({ vhost, user, exchange }, `cleared topic permissions for user '${user}' in vhost '${vhost}'`);
    await broker.committer.flush();
    return true;
  }
}

function expectUserAndVirtualHost(
  { access, broker }: AdministrationContext,
  { vhost, user }: Required<PermissionFilter>,
): void {
  expectVirtualHost(broker, vhost);
  if (access.users.get(user) === undefined) {
    throw new AdministrationError('not-found', `User "${user}" does not exist`);
  }
}

function isMeant(row: Required<PermissionFilter>, { vhost, user }: PermissionFilter): boolean {
  return (vhost === undefined || row.vhost === vhost) && (user === undefined || row.user === user);
}
