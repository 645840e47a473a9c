import { ApiError, badRequest, notAuthorised, objectNotFound, vhostNotFound } from './api-error.ts';
import { Principal } from './principal.ts';
import type { RouteDescription } from './route.ts';

/** Whom the HTTP API asks about users. */
export interface Access {
  /**
   * Checks a login; `address` is the client's IP address (guest may only log in from this machine).
   *
   * @returns `undefined` when it is refused, for whatever reason.
   */
  login(
    username: string,
    password: string,
    address: string,
  ): Promise<{ readonly username: string; readonly tags: readonly string[] } | undefined>;
  /** The user has a permission row for the virtual host. */
  mayEnter(username: string, vhost: string): boolean;
  hasVhost(vhost: string): boolean;
}

/** Who sends a request, and whether that is somebody who may. */
export class Authorization {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  /** Undefined: nobody has said who is there. @throws ApiError 401 for a wrong login */
  async login(header: string | undefined, address: string): Promise<Principal | undefined> {
    const login = basicLogin(header);
    if (login === undefined) return undefined;
    const found = await this.#access.login(login.username, login.password, address);
    if (found === undefined) throw new ApiError(401, 'not_authorized', 'Login failed');
    const { username, tags } = found;
    return new Principal(username, tags, (vhost) => this.#access.mayEnter(username, vhost));
  }

  /**
   * `vhost`: the one in the path, if there is one.
   *
   * @throws ApiError 400, 401, 404 as RabbitMQ
   */
  check({ method, path, access }: RouteDescription, principal: Principal, vhost: string | undefined): void {
    principal.require(access);
    if (vhost === undefined || path === '/vhosts/{vhost}') return;
    if (!this.#access.hasVhost(vhost)) {
      if (path.startsWith('/definitions/')) throw badRequest('vhost_not_found');
      throw method === 'PUT' ? vhostNotFound() : objectNotFound();
    }
    if (access === 'administrator' || principal.seesVhost(vhost)) return;
    const advice = `Set permissions of '${principal.username}' in '${vhost}'.`;
    throw notAuthorised('User not authorised to access virtual host', advice);
  }
}

/** Name and password of an `Authorization: Basic` header (RFC 7617). */
function basicLogin(header: string | undefined): { username: string; password: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon < 0 ? undefined : { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
