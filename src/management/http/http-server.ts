import type { RequestListener, Server } from 'node:http';
import multipart from '@fastify/multipart';
import { type FastifyInstance, fastify, type HTTPMethods } from 'fastify';
import type { Audit } from '../../administration/audit.ts';
import type { Logger } from '../../logger.ts';
import type { Certificates } from '../../tls/certificates.ts';
import { createHttpsServer } from '../https-server.ts';
import { objectNotFound } from './api-error.ts';
import type { Authorization } from './authorization.ts';
import { listenLocally } from './local-socket.ts';
import { openApi } from './openapi.ts';
import { answer, failed, refused } from './replies.ts';
import { bodyBytesMax, type ManagementLimits, RequestLimits } from './request-limits.ts';
import type { Answer, Method, Route } from './route.ts';
import { ServedRoute } from './served-route.ts';

/** A TCP port; 0 takes any free one. */
export interface PortAddress {
  readonly port: number;
  readonly host: string;
  /** HTTPS, with these. */
  readonly certificates?: Certificates | undefined;
}

/** A Unix socket. */
export interface SocketAddress {
  readonly path: string;
}

/** One port or socket with the HTTP API, and what it answers with. */
export interface HttpServerOptions {
  readonly address: PortAddress | SocketAddress;
  readonly routes: readonly Route[];
  readonly authorization: Authorization;
  /** Answers to GET /health, for probes without a login. */
  readonly probe: () => Answer;
  readonly logger: Logger;
  readonly audit: Audit;
  readonly limits: ManagementLimits;
  /** Other things are served on the same port. */
  readonly onServer: (server: Server) => void;
}

/** A server that is listening. */
export interface HttpServer {
  /** 0 on a Unix socket. */
  readonly port: number;
  /** Ends all requests and frees the port. */
  close(): Promise<void>;
}

/** A name of 255 bytes that is percent-encoded twice, as a properties_key is, and its hash. */
const parameterLengthMax = 8192;

/** Time for a request to arrive in full. */
const requestTimeoutMs = 120_000;

/** Headers that any browser should heed. */
const securityHeaders = {
  'cache-control': 'no-cache',
  'content-security-policy': "default-src 'self'",
  'x-content-type-options': 'nosniff',
} as const;

/** @throws the listener's error, such as EADDRINUSE. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { address, logger } = options;
  const certificates = 'port' in address ? address.certificates : undefined;
  const limits = {
    bodyLimit: bodyBytesMax,
    forceCloseConnections: true,
    requestTimeout: requestTimeoutMs,
    exposeHeadRoutes: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: parameterLengthMax },
  } as const;
  const app: FastifyInstance =
    certificates === undefined
      ? fastify(limits)
      : fastify({
          ...limits,
          serverFactory: (handler: RequestListener): Server =>
            createHttpsServer(certificates, handler, logger),
        });
  // Most clients send JSON, and not all of them say so.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  await app.register(multipart);
  app.setNotFoundHandler((_request, reply) => refused(reply, objectNotFound()));
  app.setErrorHandler((error, request, reply) => failed(error, request, reply, logger));
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(securityHeaders);
  });
  const requestLimits = new RequestLimits(options.limits);
  app.addHook('onClose', async () => requestLimits.stop());
  app.server.maxConnections = options.limits.clients;
  register(app, options, requestLimits);
  options.onServer(app.server);
  if ('path' in address) {
    const socket = await listenLocally(address.path, (path) => app.listen({ path }));
    return { port: 0, close: () => Promise.all([socket.remove(), app.close()]).then(() => {}) };
  }
  await app.listen({ port: address.port, host: address.host });
  const bound = app.server.address();
  return {
    port: bound !== null && typeof bound === 'object' ? bound.port : address.port,
    close: () => app.close(),
  };
}

function register(
  app: FastifyInstance,
  { routes, authorization, probe, audit }: HttpServerOptions,
  limits: RequestLimits,
): void {
  const description = openApi(routes);
  const methods = new Map<string, Set<Method>>();
  app.get('/health', (_request, reply) => answer(reply, probe()));
  app.get('/api/openapi.json', (_request, reply) => answer(reply, description));
  for (const route of routes) {
    const served = new ServedRoute(route, { authorization, audit, limits });
    served.addTo(app);
    methods.set(served.url, (methods.get(served.url) ?? new Set()).add(route.method));
  }
  for (const [url, known] of methods) refuseOtherMethods(app, url, known);
}

/** 405 before anything else is looked at, the login included. */
function refuseOtherMethods(app: FastifyInstance, url: string, known: ReadonlySet<Method>): void {
  const all: readonly HTTPMethods[] = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'];
  const isKnown = (method: HTTPMethods) => [...known].some((other) => other === method);
  const allow = ['HEAD', 'GET', 'PUT', 'DELETE', 'POST', 'OPTIONS']
    .filter((method) => method === 'OPTIONS' || isKnown(method === 'HEAD' ? 'GET' : method))
    .join(', ');
  app.route({
    method: all.filter((method) => !isKnown(method)),
    url,
    handler: (_request, reply) => reply.code(405).header('allow', allow).send(),
  });
  app.route({ method: 'OPTIONS', url, handler: (_request, reply) => reply.header('allow', allow).send() });
}
