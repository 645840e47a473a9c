import { randomBytes } from 'node:crypto';
import { type PolicyControl, policyControl } from '../policy-control.ts';
import type { AdministrationContext } from './context.ts';
import { AdministrationEvents } from './events.ts';
import { ParameterAdministration, vhostLimitsComponent } from './parameters.ts';
import { PermissionAdministration, TopicPermissionAdministration } from './permissions.ts';
import { UserAdministration } from './users.ts';
import { VhostLimitAdministration } from './vhost-limits.ts';
import { VirtualHostAdministration } from './virtual-hosts.ts';

/** The global parameter that RabbitMQ, too, sets at its first start. */
const clusterIdParameter = 'internal_cluster_id';

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

  private constructor(context: AdministrationContext) {
    this.users = new UserAdministration(context);
    this.permissions = new PermissionAdministration(context);
    this.topicPermissions = new TopicPermissionAdministration(context);
    this.parameters = new ParameterAdministration(context);
    this.vhosts = new VirtualHostAdministration(context, this.parameters);
    this.vhostLimits = new VhostLimitAdministration(context, this.parameters);
    this.policies = policyControl(context.broker, context.events);
    this.parameters.register('vhost-limits', vhostLimitsComponent(context));
  }

  /**
   * Takes what a previous run has kept. At the first start of all there is the user guest, and only then.
   *
   * @throws Error when the store holds damaged rows
   */
  static async open(given: Omit<AdministrationContext, 'events'>): Promise<Administration> {
    const context = { ...given, events: new AdministrationEvents(given.broker.events) };
    context.access.recover(context.broker.settings);
    const administration = new Administration(context);
    const { parameters } = administration;
    if (parameters.getGlobal(clusterIdParameter) === undefined) {
      context.access.addDefaultUser();
      const value = `rabbitmq-cluster-id-${randomBytes(16).toString('base64url')}`;
      await parameters.putGlobal({ name: clusterIdParameter, value });
    }
    return administration;
  }
}
