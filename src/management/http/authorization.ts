import type { AccessControl } from '../../access/access-control.ts';
import { AuthenticationFailure } from '../../access/authentication-failure.ts';
import type { Account } from '../../access/back-end.ts';
import type { Broker } from '../../broker/broker.ts';
import { ApiError, badRequest, notAuthorised, objectNotFound, vhostNotFound } from './api-error.ts';
import { Principal } from './principal.ts';
import type { RouteDescription } from './route.ts';

/** Who sends a request, and whether that is somebody who may. */
export class Authorization {
  readonly #access: AccessControl;
  readonly #broker: Broker;

  constructor(access: AccessControl, broker: Broker) {
    this.#access = access;
    this.#broker = broker;
  }

  /** Undefined: nobody has said who is there. @throws ApiError 401 for a wrong login */
  async login(header: string | undefined, address: string): Promise<Principal | undefined> {
    const login = basicLogin(header) ?? bearerLogin(header);
    if (login === undefined) return undefined;
    try {
      const account = await this.#access.login({ ...login, address }, 'http');
      return new Principal(account, await this.#visibleTo(account));
    } catch (error) {
      if (error instanceof AuthenticationFailure) throw new ApiError(401, 'not_authorized', 'Login failed');
      throw error;
    }
  }

  protected vhostNames(): ReadonlySet<string> {
    return new Set(this.#broker.vhosts.keys());
  }

  async #visibleTo(account: Account): Promise<ReadonlySet<string>> {
    const names = [...this.vhostNames()];
    const answers = await Promise.all(
      names.map(async (name) => {
        try {
          return await account.vhostAccess(name);
        } catch {
          return false;
        }
      }),
    );
    return new Set(names.filter((_, index) => answers[index] === true));
  }

  /**
   * `vhost`: the one in the path, if there is one.
   *
   * @throws ApiError 400, 401, 404 as RabbitMQ
   */
  check({ method, path, access }: RouteDescription, principal: Principal, vhost: string | undefined): void {
    principal.require(access);
    if (vhost === undefined || path === '/vhosts/{vhost}') return;
    if (this.#broker.vhost(vhost) === undefined) throw noSuchVhost(method, path);
    if (access === 'administrator' || principal.seesVhost(vhost)) return;
    const advice = `Set permissions of '${principal.username}' in '${vhost}'.`;
    throw notAuthorised('User not authorised to access virtual host', advice);
  }
}

function noSuchVhost(method: string, path: string): ApiError {
  if (path.startsWith('/definitions/'))
    return badRequest('vhost_not_found', 'Create the virtual host first.');
  if (method === 'PUT' && /^\/(topic-)?permissions\//.test(path))
    return badRequest('vhost_or_user_not_found');
  return method === 'PUT' || method === 'POST' ? vhostNotFound() : objectNotFound();
}

/** Name and password of an `Authorization: Basic` header (RFC 7617). */
function basicLogin(header: string | undefined): { username: string; password: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon < 0 ? undefined : { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

/** The token of an `Authorization: Bearer` header (RFC 6750), which says by itself who it is for. */
function bearerLogin(header: string | undefined): { username: string; password: string } | undefined {
  const token = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(header ?? '')?.[1];
  return token === undefined ? undefined : { username: '', password: token };
}
