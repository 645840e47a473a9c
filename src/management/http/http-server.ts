import type { RequestListener, Server } from 'node:http';
import type { Readable } from 'node:stream';
import multipart from '@fastify/multipart';
import {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  type HTTPMethods,
} from 'fastify';
import { actAs } from '../../administration/acting-user.ts';
import { AdministrationError } from '../../administration/administration-error.ts';
import type { Audit, AuditTrail } from '../../administration/audit.ts';
import { PolicyError } from '../../broker/policies/policy.ts';
import type { Logger } from '../../logger.ts';
import { AmqpError } from '../../protocol/errors.ts';
import type { Certificates } from '../../tls/certificates.ts';
import { createHttpsServer } from '../https-server.ts';
import { ApiError, badRequest, fromAdministrationError, fromAmqpError, objectNotFound } from './api-error.ts';
import type { Authorization } from './authorization.ts';
import { JsonStream } from './json-stream.ts';
import { LineStream } from './line-stream.ts';
import { listenLocally } from './local-socket.ts';
import { openApi } from './openapi.ts';
import type { Principal } from './principal.ts';
import { bodyBytesMax, type ManagementLimits, RequestLimits } from './request-limits.ts';
import { Answer, type Method, type Route } from './route.ts';
import { notJson } from './schema.ts';
import { readUpload } from './upload.ts';

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

const json = 'application/json';

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
    const url = `/api${route.path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
    methods.set(url, (methods.get(url) ?? new Set()).add(route.method));
    const trails = new WeakMap<FastifyRequest, AuditTrail>();
    const principals = new WeakMap<FastifyRequest, Principal>();
    app.route({
      method: route.method,
      url,
      // Who may not come in sends no body: it is not read before that is known.
      onRequest: async (request, reply) => {
        const [path] = request.url.split('?');
        const trail =
          route.method === 'GET' ? undefined : audit.begin(request.ip, `${request.method} ${path}`);
        if (trail !== undefined) trails.set(request, trail);
        limits.admit(request.raw, reply.raw);
        if (route.access === 'public') return;
        const principal = await login(route, authorization, request);
        if (principal === undefined) return challenge(reply);
        principals.set(request, principal);
        if (trail !== undefined) trail.user = principal.username;
        authorization.check(route, principal, textsOf(request.params)['vhost']);
      },
      handler: (request, reply) => {
        const run = () => handle(route, request, reply, principals.get(request));
        const trail = trails.get(request);
        return trail === undefined ? run() : audit.follow(trail, run);
      },
      onResponse: async (request, { statusCode }) => {
        const trail = trails.get(request);
        if (trail !== undefined) audit.end(trail, statusCode, isRoutine(route));
      },
    });
  }
  for (const [url, known] of methods) refuseOtherMethods(app, url, known);
}

/** Undefined: nobody has said who is there. @throws ApiError 400, 401 */
function login(
  { takesQueryLogin }: Route,
  authorization: Authorization,
  { query, headers, ip }: FastifyRequest,
): Promise<Principal | undefined> {
  const inQuery = takesQueryLogin ? queryLoginHeader(queryOf(query)) : undefined;
  return authorization.login(inQuery ?? headers.authorization, ip);
}

async function handle(
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  principal: Principal | undefined,
): Promise<FastifyReply> {
  const { headers } = request;
  const parameters = textsOf(request.params);
  const query = queryOf(request.query);
  const { bytes, redirect } = await bodyOf(route, request);
  const run = () => route.run({ parameters, query, bytes, principal, headers });
  const result = await (principal === undefined ? run() : actAs(principal.username, run));
  return redirect === undefined ? answer(reply, result) : reply.code(303).header('location', redirect).send();
}

/** @throws ApiError 400 */
async function bodyOf(
  { file }: Route,
  request: FastifyRequest,
): Promise<{ readonly bytes: Buffer; readonly redirect?: string | undefined }> {
  if (request.isMultipart()) {
    if (file === undefined) throw notJson();
    const upload = await readUpload(request, bodyBytesMax);
    return { bytes: upload.file, redirect: upload.redirect };
  }
  return { bytes: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0) };
}

/** The login in a query as the header that it stands for. */
function queryLoginHeader({ auth, token }: { readonly [name: string]: string }): string | undefined {
  if (auth !== undefined) return `Basic ${auth}`;
  return token === undefined ? undefined : `Bearer ${token}`;
}

/** Messages come and go in their thousands: no line of the audit for each, unless it is at debug. */
function isRoutine({ path }: Route): boolean {
  return /\/(publish|get)$/.test(path);
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

function answer(reply: FastifyReply, result: unknown): FastifyReply {
  const { status, body, headers } = result instanceof Answer ? result : new Answer(200, result);
  reply.code(status).headers(headers);
  if (body === undefined) return reply.send();
  if (body instanceof LineStream) return sendLines(reply, body.stream);
  return reply.type(json).send(body instanceof JsonStream ? body.stream : JSON.stringify(body));
}

/** RabbitMQ's, as there are clients that send their login to no other. */
const realm = 'Basic realm="RabbitMQ Management"';

/** Without an end of its own, so to HEAD there is none at all. */
function sendLines(reply: FastifyReply, stream: Readable): FastifyReply {
  reply.type(LineStream.contentType);
  if (reply.request.method !== 'HEAD') return reply.send(stream);
  stream.destroy();
  return reply.send();
}

/** Who is there? Without a body, so that browsers ask for a password. */
function challenge(reply: FastifyReply): FastifyReply {
  return reply.code(401).header('www-authenticate', realm).send();
}

function refused(reply: FastifyReply, error: ApiError): FastifyReply {
  if (error.error === 'not_authorized') reply.header('www-authenticate', realm);
  return reply.code(error.status).type(json).send(JSON.stringify(error.body));
}

function failed(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  if (error instanceof ApiError) return refused(reply, error);
  if (error instanceof AmqpError) return refused(reply, fromAmqpError(error));
  if (error instanceof AdministrationError) return refused(reply, fromAdministrationError(error));
  if (error instanceof PolicyError) return refused(reply, badRequest(`${error.message}\n`));
  const status = statusOf(error);
  if (status === 413) {
    const advice = `A body has at most ${bodyBytesMax} bytes.`;
    return refused(reply, new ApiError(413, 'request_entity_too_large', 'body too large', advice));
  }
  if (status >= 400 && status < 500) {
    const reason = error instanceof Error ? error.message : 'malformed request';
    return refused(reply, new ApiError(status, 'bad_request', reason));
  }
  // Without the query, which may hold what is nobody's business.
  const url = request.url.split('?', 1)[0];
  log.error({ err: error, method: request.method, url }, 'HTTP request failed');
  return refused(reply, new ApiError(500, 'Internal Server Error', 'see the log of the broker'));
}

function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return 500;
  return typeof error.statusCode === 'number' ? error.statusCode : 500;
}

function textsOf(from: unknown): { readonly [name: string]: string } {
  const entries = Object.entries(typeof from === 'object' && from !== null ? from : {});
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}

/** @throws ApiError 400 for a parameter that is given twice */
function queryOf(from: unknown): { readonly [name: string]: string } {
  const entries = Object.entries(typeof from === 'object' && from !== null ? from : {});
  for (const [name, value] of entries) {
    if (typeof value !== 'string') throw badRequest(`parameter ${name} is given more than once`);
  }
  return textsOf(from);
}
