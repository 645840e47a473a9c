import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { actAs } from '../../administration/acting-user.ts';
import type { Audit, AuditTrail } from '../../administration/audit.ts';
import { badRequest } from './api-error.ts';
import type { Authorization } from './authorization.ts';
import type { Principal } from './principal.ts';
import { answer, challenge } from './replies.ts';
import { bodyBytesMax, type RequestLimits } from './request-limits.ts';
import type { Route } from './route.ts';
import { notJson } from './schema.ts';
import { readUpload } from './upload.ts';

/** What all routes are guarded by. */
export interface Guards {
  readonly authorization: Authorization;
  readonly audit: Audit;
  readonly limits: RequestLimits;
}

/**
 * A route as it is served. Who may not come in sends no body: it is not read before that is known. Whatever may change
 * something leaves a trail in the audit log, refusals included.
 */
export class ServedRoute {
  /** With `:name` for parameters. */
  readonly url: string;
  readonly #route: Route;
  readonly #guards: Guards;
  readonly #trails = new WeakMap<FastifyRequest, AuditTrail>();
  readonly #principals = new WeakMap<FastifyRequest, Principal>();

  constructor(route: Route, guards: Guards) {
    this.url = `/api${route.path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
    this.#route = route;
    this.#guards = guards;
  }

  addTo(app: FastifyInstance): void {
    app.route({
      method: this.#route.method,
      url: this.url,
      onRequest: (request, reply) => this.#admit(request, reply),
      handler: (request, reply) => {
        const trail = this.#trails.get(request);
        const run = () => this.#handle(request, reply);
        return trail === undefined ? run() : this.#guards.audit.follow(trail, run);
      },
      onResponse: async (request, { statusCode }) => {
        const trail = this.#trails.get(request);
        if (trail !== undefined) this.#guards.audit.end(trail, statusCode, isRoutine(this.#route));
      },
    });
  }

  /** Answers who has not said who they are. @throws ApiError for who may not come in */
  async #admit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { method, access } = this.#route;
    const { authorization, audit, limits } = this.#guards;
    const [path] = request.url.split('?');
    const trail = method === 'GET' ? undefined : audit.begin(request.ip, `${request.method} ${path}`);
    if (trail !== undefined) this.#trails.set(request, trail);
    limits.admit(request.raw, reply.raw);
    if (access === 'public') return undefined;
    const principal = await this.#login(request);
    if (principal === undefined) return challenge(reply);
    this.#principals.set(request, principal);
    if (trail !== undefined) trail.user = principal.username;
    authorization.check(this.#route, principal, textsOf(request.params)['vhost']);
    return undefined;
  }

  /** Undefined: nobody has said who is there. @throws ApiError 400, 401 */
  #login({ query, headers, ip }: FastifyRequest): Promise<Principal | undefined> {
    const inQuery = this.#route.takesQueryLogin ? queryLoginHeader(queryOf(query)) : undefined;
    return this.#guards.authorization.login(inQuery ?? headers.authorization, ip);
  }

  async #handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const principal = this.#principals.get(request);
    const { headers } = request;
    const parameters = textsOf(request.params);
    const query = queryOf(request.query);
    const { bytes, redirect } = await bodyOf(this.#route, request);
    const run = () => this.#route.run({ parameters, query, bytes, principal, headers });
    const result = await (principal === undefined ? run() : actAs(principal.username, run));
    return redirect === undefined
      ? answer(reply, result)
      : reply.code(303).header('location', redirect).send();
  }
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
