import { UserActor } from '../access/user-actor.ts';
import type { Administration } from '../administration/administration.ts';
import { type Actor, Undecided } from '../broker/actor.ts';
import type { Broker } from '../broker/broker.ts';
import type { VirtualHost } from '../broker/virtual-host.ts';
import type { BackupControl } from '../control/backup-control.ts';
import type { Logger } from '../logger.ts';
import type { LogLevelControl } from '../logs/logs.ts';
import type { Clients, ListenerInfo } from './clients.ts';
import { notAuthorised, objectNotFound } from './http/api-error.ts';
import type { Principal } from './http/principal.ts';
import type { NodeFigures } from './node-figures.ts';
import type { Controls, Program } from './program.ts';
import type { Sampler } from './stats/sampler.ts';

/** What the routes work on. */
export interface Api {
  /** Such as `leveret@host`. */
  readonly node: string;
  readonly broker: Broker;
  readonly administration: Administration;
  readonly clients: Clients;
  readonly sampler: Sampler;
  readonly figures: NodeFigures;
  readonly logger: Logger;
  readonly backups: BackupControl;
  /** Undefined: the log belongs to the program that the broker is a part of. */
  readonly logLevels: LogLevelControl | undefined;
  readonly controls: Controls;
  /** Undefined: the broker is a part of another program. */
  readonly program: Program | undefined;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly dataDir: string | undefined;
  /** Largest message body, in bytes. */
  readonly maxMessageBytes: number;
  /** How long consumers may keep a message when nothing else is said, in milliseconds. */
  readonly consumerTimeoutMs: number;
  readonly listeners: () => readonly ListenerInfo[];
}

/** Authorization has seen to it that there is one, but it may have gone since. @throws ApiError 404 */
export function virtualHost(api: Api, name: string): VirtualHost {
  const vhost = api.broker.vhost(name);
  if (vhost === undefined) throw objectNotFound();
  return vhost;
}

/** The virtual hosts that somebody sees, by name. */
export function visibleVhosts({ administration }: Api, principal: Principal): readonly VirtualHost[] {
  return administration.vhosts.list().filter(({ name }) => principal.seesVhost(name));
}

/**
 * Does something in a virtual host on behalf of somebody, with the permissions they have there, and resolves when
 * it is on disk.
 *
 * @throws ApiError, AmqpError
 */
export async function act<Result>(
  api: Api,
  principal: Principal,
  vhostName: string,
  operation: (vhost: VirtualHost, actor: Actor) => Result,
): Promise<Result> {
  const vhost = virtualHost(api, vhostName);
  if (!principal.mayEnter(vhostName)) {
    throw notAuthorised('Access refused.', `Set permissions of '${principal.username}' in '${vhostName}'.`);
  }
  const actor = new UserActor({}, principal.account, vhostName);
  const result = await decided(() => operation(vhost, actor));
  const { committer } = api.broker;
  if (committer.hasUnwrittenDefinitions) await committer.flush();
  return result;
}

/** Tries again once a back end has answered. */
async function decided<Result>(operation: () => Result): Promise<Result> {
  for (;;) {
    try {
      return operation();
    } catch (error) {
      if (!(error instanceof Undecided)) throw error;
      await error.decided;
    }
  }
}
