import type { Server } from 'node:http';
import type { AccessControl } from '../access/access-control.ts';
import { ofCategory } from '../logger.ts';
import type { Api } from './api.ts';
import type { ListenerInfo } from './clients.ts';
import { Authorization } from './http/authorization.ts';
import {
  type HttpServer,
  type HttpServerOptions,
  type PortAddress,
  startHttpServer,
} from './http/http-server.ts';
import { LocalAuthorization } from './http/local-authorization.ts';
import { defaultManagementLimits, type ManagementLimits } from './http/request-limits.ts';
import type { Route } from './http/route.ts';
import { type Limits, NodeFigures } from './node-figures.ts';
import { backupRoutes } from './routes/backups.ts';
import { bindingRoutes } from './routes/bindings.ts';
import { connectionRoutes } from './routes/connections.ts';
import { definitionRoutes } from './routes/definitions.ts';
import { delayedRoutes } from './routes/delayed.ts';
import { exchangeRoutes } from './routes/exchanges.ts';
import { healthRoutes, readiness } from './routes/health.ts';
import { logLevelRoutes } from './routes/log-levels.ts';
import { messageRoutes } from './routes/messages.ts';
import { nodeControlRoutes } from './routes/node-control.ts';
import { overviewRoutes } from './routes/overview.ts';
import { parameterRoutes } from './routes/parameters.ts';
import { permissionRoutes } from './routes/permissions.ts';
import { policyRoutes } from './routes/policies.ts';
import { queueToolRoutes } from './routes/queue-tools.ts';
import { queueRoutes } from './routes/queues.ts';
import { tailRoutes } from './routes/tails.ts';
import { userRoutes } from './routes/users.ts';
import { vhostRoutes } from './routes/vhosts.ts';
import { Sampler } from './stats/sampler.ts';

/** What the HTTP API shows and changes, and where it listens. */
export interface ManagementOptions
  extends Pick<
    Api,
    | 'node'
    | 'broker'
    | 'administration'
    | 'clients'
    | 'controls'
    | 'program'
    | 'logger'
    | 'logLevels'
    | 'backups'
    | 'dataDir'
    | 'maxMessageBytes'
    | 'consumerTimeoutMs'
  > {
  readonly access: AccessControl;
  readonly limits: Limits;
  /** Time between two samples of everything. */
  readonly statisticsIntervalMs: number;
  /** Other things are served on the same ports. */
  readonly onServer: (server: Server) => void;
  /** Where they are to be other than {@link defaultManagementLimits}. */
  readonly requestLimits: Partial<ManagementLimits> | undefined;
}

/** The HTTP API (RabbitMQ page "HTTP API Reference"), served on any number of ports, and on a local socket. */
export class Management {
  readonly #api: Api;
  readonly #access: AccessControl;
  readonly #onServer: (server: Server) => void;
  readonly #limits: ManagementLimits;
  readonly #servers: HttpServer[] = [];
  readonly #listeners: ListenerInfo[] = [];

  constructor(options: ManagementOptions) {
    const { broker, clients, logger, access, statisticsIntervalMs: intervalMs } = options;
    const figures = new NodeFigures(options.limits);
    const onError = (error: unknown) => logger.error({ err: error }, 'no statistics could be taken');
    this.#api = {
      ...options,
      logger: ofCategory(logger, 'http'),
      figures,
      sampler: new Sampler({ broker, clients, figures, intervalMs, onError }),
      startedAt: broker.clock.now(),
      listeners: () => [...clients.addresses, ...this.#listeners],
    };
    this.#onServer = options.onServer;
    this.#limits = { ...defaultManagementLimits, ...options.requestLimits };
    this.#access = access;
  }

  /** @throws the listener's error, such as EADDRINUSE. */
  async listen(address: PortAddress): Promise<HttpServer> {
    const authorization = new Authorization(this.#access, this.#api.broker);
    const server = await this.#serve({ address, authorization, onServer: this.#onServer });
    const { host, certificates } = address;
    const protocol = certificates === undefined ? 'http' : 'https';
    this.#listeners.push({ protocol, host, port: server.port, certificates });
    return server;
  }

  /** Names a listener that others opened among those of this broker. */
  announce(listener: ListenerInfo): void {
    this.#listeners.push(listener);
  }

  /**
   * Serves it on a Unix socket, which only the owner of this process (and root) can open: an administrator.
   *
   * @throws Error when there cannot be one
   */
  async listenLocally(path: string): Promise<HttpServer> {
    const authorization = new LocalAuthorization(this.#access, this.#api.broker);
    return this.#serve({ address: { path }, authorization, onServer: () => {} });
  }

  async #serve(how: Pick<HttpServerOptions, 'address' | 'authorization' | 'onServer'>): Promise<HttpServer> {
    const api = this.#api;
    if (this.#servers.length === 0) {
      await api.figures.refresh();
      api.sampler.start();
    }
    const server = await startHttpServer({
      ...how,
      routes: apiRoutes(api),
      probe: () => readiness(api),
      logger: api.logger,
      audit: api.administration.audit,
      limits: this.#limits,
    });
    this.#servers.push(server);
    return server;
  }

  /** Ends all requests and frees the ports. */
  async close(): Promise<void> {
    this.#api.sampler.stop();
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

/** Everything below /api. */
function apiRoutes(api: Api): readonly Route[] {
  return [
    ...overviewRoutes(api),
    ...healthRoutes(api),
    ...nodeControlRoutes(api),
    ...connectionRoutes(api),
    ...exchangeRoutes(api),
    ...queueRoutes(api),
    ...queueToolRoutes(api),
    ...tailRoutes(api),
    ...bindingRoutes(api),
    ...messageRoutes(api),
    ...delayedRoutes(api),
    ...vhostRoutes(api),
    ...userRoutes(api),
    ...permissionRoutes(api),
    ...policyRoutes(api),
    ...parameterRoutes(api),
    ...definitionRoutes(api),
    ...logLevelRoutes(api),
    ...backupRoutes(api),
  ];
}
