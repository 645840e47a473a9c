import type { RequestListener, Server } from 'node:http';
import {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  type HTTPMethods,
} from 'fastify';
import { type Logger, silentLogger } from '../logger.ts';
import type { Certificates } from '../tls/certificates.ts';
import { requireManagementUser } from './basic-authentication.ts';
import {
  checkAlarms,
  checkLocalAlarms,
  checkReadyToServeClients,
  checkStore,
  checkVirtualHosts,
  type HealthCheck,
} from './health.ts';
import { createHttpsServer } from './https-server.ts';
import { overviewBody } from './overview.ts';
import { queueBodies, selectColumns } from './queues.ts';
import type { Authenticate, BrokerView } from './view.ts';

export interface ManagementOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  /** HTTPS, with these. */
  readonly certificates?: Certificates | undefined;
  /** Other things are served on the same port. */
  readonly onServer?: (server: Server) => void;
  readonly view: BrokerView;
  readonly authenticate: Authenticate;
  readonly log?: Logger;
}

/** The HTTP API (RabbitMQ page "HTTP API Reference"), listening. */
export interface ManagementServer {
  readonly port: number;
  /** Ends all requests and frees the port. */
  close(): Promise<void>;
}

/** Nothing larger is read; definitions come here. */
const bodyBytesMax = 64 * 1024 * 1024;

type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;

/** @throws the listener's error, such as EADDRINUSE. */
export async function startManagement(options: ManagementOptions): Promise<ManagementServer> {
  const { certificates, log = silentLogger } = options;
  const limits = { bodyLimit: bodyBytesMax, forceCloseConnections: true } as const;
  const app: FastifyInstance =
    certificates === undefined
      ? fastify(limits)
      : fastify({
          ...limits,
          serverFactory: (handler: RequestListener): Server => createHttpsServer(certificates, handler, log),
        });
  app.setNotFoundHandler((_request, reply) => notFound(reply));
  app.setErrorHandler((error, request, reply) => {
    log.error({ err: error, method: request.method, url: request.url }, 'HTTP request failed');
    return reply.code(500).send({ error: 'Internal Server Error', reason: 'see the log of the broker' });
  });
  routes(app, options);
  options.onServer?.(app.server);
  await app.listen({ port: options.port, host: options.host });
  const address = app.server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : options.port,
    close: () => app.close(),
  };
}

function routes(app: FastifyInstance, { view, authenticate }: ManagementOptions): void {
  const onRequest = requireManagementUser(authenticate);
  const get = (url: string, handler: Handler) => {
    app.get(url, { onRequest }, handler);
    refuseOtherMethods(app, url);
  };
  const health = (check: (view: BrokerView) => HealthCheck): Handler => {
    return (_request, reply) => {
      const { ok, body } = check(view);
      return reply.code(ok ? 200 : 503).send(body);
    };
  };

  app.get('/health', health(checkReadyToServeClients));
  get('/api/health/checks/alarms', health(checkAlarms));
  get('/api/health/checks/local-alarms', health(checkLocalAlarms));
  get('/api/health/checks/virtual-hosts', health(checkVirtualHosts));
  get('/api/health/checks/store', health(checkStore));
  get('/api/health/checks/ready-to-serve-clients', health(checkReadyToServeClients));
  get('/api/aliveness-test/:vhost', (request, reply) =>
    hasVirtualHost(view, parameter(request, 'vhost'))
      ? health(checkReadyToServeClients)(request, reply)
      : notFound(reply),
  );
  get('/api/overview', () => overviewBody(view));
  get('/api/queues', (request) => listed(request, queueBodies(view)));
  get('/api/queues/:vhost', (request, reply) => {
    const vhost = parameter(request, 'vhost');
    return hasVirtualHost(view, vhost) ? listed(request, queueBodies(view, vhost)) : notFound(reply);
  });
}

/** 405 before anything else is looked at, the login included. */
function refuseOtherMethods(app: FastifyInstance, url: string): void {
  const methods: HTTPMethods[] = ['POST', 'PUT', 'DELETE', 'PATCH'];
  const allow = 'HEAD, GET, OPTIONS';
  app.route({
    method: methods,
    url,
    handler: (_request, reply) => reply.code(405).header('allow', allow).send(),
  });
  app.route({ method: 'OPTIONS', url, handler: (_request, reply) => reply.header('allow', allow).send() });
}

function listed(request: FastifyRequest, bodies: readonly Readonly<Record<string, unknown>>[]): unknown {
  const columns = field(request.query, 'columns');
  return bodies.map((body) => selectColumns(body, columns));
}

function hasVirtualHost(view: BrokerView, name: string): boolean {
  return view.virtualHosts().includes(name);
}

function notFound(reply: FastifyReply): FastifyReply {
  return reply.code(404).send({ error: 'Object Not Found', reason: 'Not Found' });
}

function parameter(request: FastifyRequest, name: string): string {
  return field(request.params, name) ?? '';
}

/** A text field of what the router or the query string parser found. */
function field(from: unknown, name: string): string | undefined {
  if (typeof from !== 'object' || from === null) return undefined;
  const found = Object.entries(from).find(([key]) => key === name)?.[1];
  return typeof found === 'string' ? found : undefined;
}
