import type { AccessControl } from '../access/access-control.ts';
import type { HashingAlgorithm } from '../access/passwords/password-hash.ts';
import type { Broker } from '../broker/broker.ts';
import type { VirtualHost } from '../broker/virtual-host.ts';
import type { Logger } from '../logger.ts';
import { AdministrationError } from './administration-error.ts';
import type { AdministrationEvents } from './events.ts';

/** Whose connection one is. */
export interface ConnectionOwner {
  readonly user: { readonly name: string };
  readonly vhost: { readonly name: string };
}

/** The connections that administration ends. */
export interface Connections {
  /** Closes with 320 CONNECTION_FORCED; what they held is let go at once. */
  closeConnections(isMeant: (owner: ConnectionOwner) => boolean, reason: string): void;
}

/** What all parts of the administration work on. */
export interface AdministrationContext {
  readonly broker: Broker;
  readonly access: AccessControl;
  /** Such as `leveret@host`. */
  readonly nodeName: string;
  readonly connections: Connections;
  readonly log: Logger;
  readonly events: AdministrationEvents;
  /** How new passwords are hashed. Default: scrypt. */
  readonly newPasswordHashing?: HashingAlgorithm | undefined;
}

/** @throws AdministrationError when there is none of that name */
export function expectVirtualHost(broker: Broker, name: string): VirtualHost {
  const vhost = broker.vhost(name);
  if (vhost === undefined)
    throw new AdministrationError('not-found', `Virtual host '${name}' does not exist`);
  return vhost;
}
