import type { Broker } from '../broker/broker.ts';
import type { VirtualHost } from '../broker/virtual-host.ts';
import type { Logger } from '../logger.ts';
import type { Clients } from './clients.ts';
import { objectNotFound } from './http/api-error.ts';
import type { NodeFigures } from './node-figures.ts';
import type { Sampler } from './stats/sampler.ts';

/** What the routes work on. */
export interface Api {
  /** Such as `leveret@host`. */
  readonly node: string;
  readonly broker: Broker;
  readonly clients: Clients;
  readonly sampler: Sampler;
  readonly figures: NodeFigures;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly dataDir: string | undefined;
  readonly clusterName: () => string;
  readonly listeners: () => readonly ListenerInfo[];
}

export interface ListenerInfo {
  /** `amqp`, `amqp/ssl`, `http` or `https`. */
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
}

/** Authorization has seen to it that there is one, but it may have gone since. @throws ApiError 404 */
export function virtualHost(api: Api, name: string): VirtualHost {
  const vhost = api.broker.vhost(name);
  if (vhost === undefined) throw objectNotFound();
  return vhost;
}
