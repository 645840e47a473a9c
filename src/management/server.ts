import type { AccessControl } from '../access/access-control.ts';
import type { Api, ListenerInfo } from './api.ts';
import { Authorization } from './http/authorization.ts';
import { type ManagementServer, startHttpServer } from './http/http-server.ts';
import type { Route } from './http/route.ts';
import { type Limits, NodeFigures } from './node-figures.ts';
import { bindingRoutes } from './routes/bindings.ts';
import { connectionRoutes } from './routes/connections.ts';
import { definitionRoutes } from './routes/definitions.ts';
import { exchangeRoutes } from './routes/exchanges.ts';
import { healthRoutes, readiness } from './routes/health.ts';
import { messageRoutes } from './routes/messages.ts';
import { overviewRoutes } from './routes/overview.ts';
import { parameterRoutes } from './routes/parameters.ts';
import { permissionRoutes } from './routes/permissions.ts';
import { policyRoutes } from './routes/policies.ts';
import { queueRoutes } from './routes/queues.ts';
import { userRoutes } from './routes/users.ts';
import { vhostRoutes } from './routes/vhosts.ts';
import { Sampler } from './stats/sampler.ts';

export type { ManagementServer } from './http/http-server.ts';

export interface ManagementOptions
  extends Pick<
    Api,
    'node' | 'broker' | 'administration' | 'clients' | 'logger' | 'dataDir' | 'maxMessageBytes'
  > {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  readonly access: AccessControl;
  readonly limits: Limits;
  /** Time between two samples of everything. */
  readonly statisticsIntervalMs: number;
}

/**
 * The HTTP API (RabbitMQ page "HTTP API Reference"), listening.
 *
 * @throws the listener's error, such as EADDRINUSE.
 */
export async function startManagement(options: ManagementOptions): Promise<ManagementServer> {
  const { broker, clients, logger, access, statisticsIntervalMs: intervalMs } = options;
  const figures = new NodeFigures(options.limits);
  const onError = (error: unknown) => logger.error({ err: error }, 'no statistics could be taken');
  const sampler = new Sampler({ broker, clients, figures, intervalMs, onError });
  let own: readonly ListenerInfo[] = [];
  const api: Api = {
    ...options,
    sampler,
    figures,
    startedAt: broker.clock.now(),
    listeners: () => [...clients.addresses.map((address) => ({ protocol: 'amqp', ...address })), ...own],
  };
  await figures.refresh();
  const server = await startHttpServer({
    port: options.port,
    host: options.host,
    routes: apiRoutes(api),
    authorization: new Authorization(access, broker),
    probe: () => readiness(api),
    logger,
  });
  own = [{ protocol: 'http', host: options.host, port: server.port }];
  sampler.start();
  return {
    port: server.port,
    close: async () => {
      sampler.stop();
      await server.close();
    },
  };
}

/** Everything below /api. */
function apiRoutes(api: Api): readonly Route[] {
  return [
    ...overviewRoutes(api),
    ...healthRoutes(api),
    ...connectionRoutes(api),
    ...exchangeRoutes(api),
    ...queueRoutes(api),
    ...bindingRoutes(api),
    ...messageRoutes(api),
    ...vhostRoutes(api),
    ...userRoutes(api),
    ...permissionRoutes(api),
    ...policyRoutes(api),
    ...parameterRoutes(api),
    ...definitionRoutes(api),
  ];
}
