import { randomBytes } from 'node:crypto';
import type { DefaultPermissions } from '../access/access-control.ts';
import { hashPassword } from '../access/passwords/password-hash.ts';
import { defaultVirtualHost } from '../broker/names.ts';
import { Audit } from './audit.ts';
import type { AdministrationContext } from './context.ts';
import { AdministrationEvents } from './events.ts';
import { ParameterAdministration, vhostLimitsComponent } from './parameters.ts';
import { PermissionAdministration, TopicPermissionAdministration } from './permissions.ts';
import { type PolicyControl, policyControl } from './policy-control.ts';
import { type SeededUser, SeededUsers } from './seeded-users.ts';
import { UserAdministration } from './users.ts';
import { VhostLimitAdministration } from './vhost-limits.ts';
import { VirtualHostAdministration } from './virtual-hosts.ts';

/** The global parameter that RabbitMQ, too, sets at its first start. */
const clusterIdParameter = 'internal_cluster_id';

/** And the one that names the cluster. */
const clusterNameParameter = 'cluster_name';

/** Who can log in at the first start (`default_user`, `default_pass`, `default_vhost`). */
export interface FirstUser {
  readonly name?: string | undefined;
  readonly password?: string | undefined;
  /** Exists from the start too. */
  readonly vhost?: string | undefined;
  /** Default: administrator. */
  readonly tags?: readonly string[] | undefined;
  /** In this virtual host. Default: everything. */
  readonly permissions?: DefaultPermissions | undefined;
}

/** Who there is without anybody having added them. */
export interface InitialUsers extends FirstUser {
  /** For each new virtual host. */
  readonly seeded?: readonly SeededUser[] | undefined;
}

/**
 * Everything operators change in a running broker: the one way for the HTTP API, the command line and programs
 * that embed it. What a method changes is in force and on disk when its promise resolves.
 */
export class Administration {
  readonly users: UserAdministration;
  readonly permissions: PermissionAdministration;
  readonly topicPermissions: TopicPermissionAdministration;
  readonly vhosts: VirtualHostAdministration;
  readonly vhostLimits: VhostLimitAdministration;
  readonly parameters: ParameterAdministration;
  readonly policies: PolicyControl;
  readonly audit: Audit;
  /** Whoever has been made up at this start, which is the first of all. */
  #firstUser: string | undefined;
  readonly #nodeName: string;
  readonly #seededUsers: SeededUsers;

  private constructor(context: AdministrationContext, seeds: readonly SeededUser[]) {
    this.#nodeName = context.nodeName;
    this.users = new UserAdministration(context);
    this.permissions = new PermissionAdministration(context);
    this.topicPermissions = new TopicPermissionAdministration(context);
    this.parameters = new ParameterAdministration(context);
    this.#seededUsers = new SeededUsers(seeds, this.users, this.permissions);
    this.vhosts = new VirtualHostAdministration(context, this.parameters, this.#seededUsers);
    this.vhostLimits = new VhostLimitAdministration(context, this.parameters);
    this.audit = new Audit(context.log);
    this.policies = policyControl(context.broker, context.events);
    this.parameters.register('vhost-limits', vhostLimitsComponent(context));
  }

  /**
   * Takes what a previous run has kept. At the first start of all there is a first user, and only then.
   *
   * @throws Error when the store holds damaged rows
   */
  static async open(
    given: Omit<AdministrationContext, 'events'>,
    first: InitialUsers = {},
  ): Promise<Administration> {
    const context = { ...given, events: new AdministrationEvents(given.broker.events) };
    const { access, broker } = context;
    access.recover(broker.settings);
    const administration = new Administration(context, first.seeded ?? []);
    const { parameters } = administration;
    if (parameters.getGlobal(clusterIdParameter) === undefined) {
      const { name = 'guest', password = 'guest', vhost = defaultVirtualHost } = first;
      const isGuest = name === 'guest' && password === 'guest';
      const hash = isGuest ? undefined : await hashPassword(password, context.newPasswordHashing);
      if (broker.vhost(vhost) === undefined) broker.createVirtualHost(vhost);
      const { tags, permissions } = first;
      access.addDefaultUser({ name, password: hash, vhost, tags, permissions });
      administration.#firstUser = name;
      await administration.#seededUsers.vhostCreated(vhost);
      const value = `rabbitmq-cluster-id-${randomBytes(16).toString('base64url')}`;
      await parameters.putGlobal({ name: clusterIdParameter, value });
    }
    return administration;
  }

  /** What was made up at the first start and stays. */
  get clusterId(): string {
    const value = this.parameters.getGlobal(clusterIdParameter)?.value;
    return typeof value === 'string' ? value : '';
  }

  /** What AMQP clients, the HTTP API and metrics call this broker: a global parameter, or else the node's name. */
  get clusterName(): string {
    const value = this.parameters.getGlobal(clusterNameParameter)?.value;
    return typeof value === 'string' ? value : this.#nodeName;
  }

  /** On disk when the promise resolves. @throws AdministrationError */
  async setClusterName(name: string): Promise<void> {
    await this.parameters.putGlobal({ name: clusterNameParameter, value: name });
  }

  /** Takes back what the first start has made up, unless somebody else has set it since: definitions say it all. */
  async dropFirstUser(definedUsers: ReadonlySet<string>): Promise<void> {
    const name = this.#firstUser;
    if (name !== undefined && definedUsers.size > 0 && !definedUsers.has(name)) await this.users.delete(name);
    this.#firstUser = undefined;
  }
}
