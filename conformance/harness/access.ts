/**
 * Users, permissions, virtual hosts and their limits of the broker under test: through the embedding API of Leveret
 * in this process, with rabbitmqctl for the private RabbitMQ. What a scenario adds is deleted when it is done.
 */

import { embeddedBroker } from './broker.ts';
import { rabbitmqctl } from './control.ts';

let count = 0;
const undo: (() => Promise<unknown>)[] = [];

/** After each scenario. */
export async function undoAccessChanges(): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step().catch(() => undefined);
}

/** `.*` for everything, or the patterns for configure, write and read. */
export type Patterns = readonly [configure: string, write: string, read: string];

export const EVERYTHING: Patterns = ['.*', '.*', '.*'];

/** Adds a user with permissions in the default virtual host and returns the name, which is the password too. */
export async function addUser(
  patterns: Patterns = EVERYTHING,
  tags: readonly string[] = [],
): Promise<string> {
  const name = `conformance-user-${++count}`;
  const administration = embeddedBroker()?.administration;
  if (administration !== undefined) await administration.users.put({ name, password: name, tags });
  else {
    await rabbitmqctl('add_user', name, name);
    if (tags.length > 0) await rabbitmqctl('set_user_tags', name, ...tags);
  }
  undo.push(() => deleteUser(name));
  await setPermissions(name, patterns);
  return name;
}

export async function deleteUser(name: string): Promise<void> {
  const administration = embeddedBroker()?.administration;
  if (administration !== undefined) await administration.users.delete(name);
  else await rabbitmqctl('delete_user', name);
}

export async function changePassword(name: string, password: string): Promise<void> {
  const administration = embeddedBroker()?.administration;
  if (administration !== undefined) await administration.users.setPassword(name, password);
  else await rabbitmqctl('change_password', name, password);
}

export async function setPermissions(user: string, patterns: Patterns, vhost = '/'): Promise<void> {
  const [configure, write, read] = patterns;
  const administration = embeddedBroker()?.administration;
  if (administration !== undefined)
    await administration.permissions.put({ vhost, user, configure, write, read });
  else await rabbitmqctl('set_permissions', '-p', vhost, user, ...patterns);
}

export async function clearPermissions(user: string): Promise<void> {
  const administration = embeddedBroker()?.administration;
  if (administration !== undefined) await administration.permissions.delete('/', user);
  else await rabbitmqctl('clear_permissions', user);
}

export async function setTopicPermissions(
  user: string,
  exchange: string,
  write: string,
  read: string,
): Promise<void> {
  const administration = embeddedBroker()?.administration;
  if (administration !== undefined) {
    await administration.topicPermissions.put({ vhost: '/', user, exchange, write, read });
  } else await rabbitmqctl('set_topic_permissions', user, exchange, write, read);
}

/** Adds a virtual host, which guest has all permissions for, and returns its name. */
export async function addVirtualHost(): Promise<string> {
  const name = `conformance-vhost-${++count}`;
  const administration = embeddedBroker()?.administration;
  if (administration !== undefined) await administration.vhosts.put({ name });
  else await rabbitmqctl('add_vhost', name);
  undo.push(() => deleteVirtualHost(name));
  await setPermissions('guest', EVERYTHING, name);
  return name;
}

export async function deleteVirtualHost(name: string): Promise<void> {
  const administration = embeddedBroker()?.administration;
  if (administration !== undefined) await administration.vhosts.delete(name);
  else await rabbitmqctl('delete_vhost', name);
}

export async function setVhostLimits(vhost: string, limits: Readonly<Record<string, number>>): Promise<void> {
  const administration = embeddedBroker()?.administration;
  if (administration !== undefined) await administration.vhostLimits.set(vhost, limits);
  else await rabbitmqctl('set_vhost_limits', '-p', vhost, JSON.stringify(limits));
}

export async function setUserLimits(user: string, limits: Readonly<Record<string, number>>): Promise<void> {
  const administration = embeddedBroker()?.administration;
  if (administration !== undefined) await administration.users.setLimits(user, limits);
  else await rabbitmqctl('set_user_limits', user, JSON.stringify(limits));
}
