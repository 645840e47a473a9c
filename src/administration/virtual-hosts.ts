import { type QueueType, queueTypes } from '../broker/queue-type.ts';
import type { VhostMetadata } from '../broker/topology/vhost-metadata.ts';
import type { VirtualHost } from '../broker/virtual-host.ts';
import { AdministrationError } from './administration-error.ts';
import { checkName, checkRoom, checkTags, checkText } from './checks.ts';
import type { AdministrationContext } from './context.ts';
import type { ParameterAdministration } from './parameters.ts';
import type { SeededUsers } from './seeded-users.ts';

const vhostsMax = 10_000;

/** A virtual host to add, or to change: what is left out stays as it is. */
export interface NewVirtualHost {
  readonly name: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  /** Type of the queues that are declared without x-queue-type; empty: classic. */
  readonly defaultQueueType?: string;
}

/** Virtual hosts. Changes are in force at once and on disk when the promise resolves. */
export class VirtualHostAdministration {
  readonly #context: AdministrationContext;
  readonly #parameters: ParameterAdministration;
  readonly #seededUsers: SeededUsers;
  /** Virtual hosts that are on their way out. */
  readonly #deletions = new Map<string, Promise<void>>();

  constructor(context: AdministrationContext, parameters: ParameterAdministration, seededUsers: SeededUsers) {
    this.#context = context;
    this.#parameters = parameters;
    this.#seededUsers = seededUsers;
  }

  /** By name. */
  list(): readonly VirtualHost[] {
    const vhosts = [...this.#context.broker.vhosts.values()];
    return vhosts.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): VirtualHost | undefined {
    return this.#context.broker.vhost(name);
  }

  /** True if it is a new one, which nobody but seeded users has permissions for. @throws AdministrationError */
  async put(request: NewVirtualHost): Promise<boolean> {
    const { broker, log } = this.#context;
    const { name, ...given } = request;
    checkName('virtual host', name);
    checkTags(given.tags ?? []);
    checkText('the description', given.description ?? '');
    await this.#deletions.get(name);
    const existing = this.get(name);
    const old = existing?.metadata ?? { description: '', tags: [], defaultQueueType: undefined };
    const metadata: VhostMetadata = {
      description: given.description ?? old.description,
      tags: given.tags === undefined ? old.tags : [...given.tags],
      defaultQueueType:
        given.defaultQueueType === undefined ? old.defaultQueueType : checkedType(given.defaultQueueType),
    };
    if (existing === undefined) checkRoom('virtual hosts', broker.vhosts.size, vhostsMax);
    const vhost = existing ?? broker.createVirtualHost(name);
    vhost.metadata = metadata;
    broker.defineVirtualHost(vhost);
    if (existing === undefined) this.#context.events.vhostCreated(vhost);
    log.info({ vhost: name }, `${existing === undefined ? 'added' : 'updated'} vhost '${name}'`);
    if (existing === undefined) await this.#seededUsers.vhostCreated(name);
    await broker.committer.flush();
    return existing === undefined;
  }

  /**
   * Closes its connections, and deletes it with all queues and messages, exchanges, policies, parameters and
   * permissions. False if there is none.
   */
  async delete(name: string): Promise<boolean> {
    const { broker, access, connections, log } = this.#context;
    const vhost = broker.vhost(name);
    if (vhost === undefined) return false;
    connections.closeConnections((owner) => owner.vhost.name === name, `vhost '${name}' is deleted`);
    access.permissions.deleteWhere((row) => row.vhost === name);
    access.topicPermissions.deleteWhere((row) => row.vhost === name);
    this.#parameters.virtualHostDeleted(name);
    const deletion = broker.deleteVirtualHost(vhost).finally(() => this.#deletions.delete(name));
    this.#deletions.set(name, deletion);
    this.#context.events.vhostDeleted(name);
    log.info({ vhost: name }, `deleted vhost '${name}'`);
    await deletion;
    await broker.committer.flush();
    return true;
  }
}

function checkedType(name: string): QueueType | undefined {
  // What management tools send for "not chosen".
  if (name === '' || name === 'undefined') return undefined;
  const type = queueTypes.find((known) => known === name);
  if (type === undefined)
    throw new AdministrationError('invalid', `Unsupported default queue type '${name}'`);
  return type;
}
