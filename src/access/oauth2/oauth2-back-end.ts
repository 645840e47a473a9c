import type { JWTPayload } from 'jose';
import type { Clock } from '../../broker/clock.ts';
import { isObject } from '../../json-object.ts';
import { AuthenticationFailure } from '../authentication-failure.ts';
import type { Account, BackEnd, Login } from '../back-end.ts';
import { Scopes, scopesMax } from './scopes.ts';
import { type SigningKeyOptions, SigningKeys } from './signing-keys.ts';

/** Under the names of rabbitmq.conf (`auth_oauth2.*`). */
export interface OAuth2Options extends SigningKeyOptions {
  /** Who the tokens have to be for: one of their audiences, and the prefix of their scopes. */
  readonly resourceServerId: string;
  /** Default: the id of the resource server and a dot. */
  readonly scopePrefix?: string | undefined;
  /** Whether the token has to be for this resource server. Default true. */
  readonly verifyAudience?: boolean | undefined;
  /** Who has to have issued the tokens. Default: whoever has the keys. */
  readonly issuer?: string | undefined;
  /** Default: all that keys of their kind can be used with. */
  readonly algorithms?: readonly string[] | undefined;
  /** A claim with more scopes: a list, a text with spaces, or an object with the resource server's under its id. */
  readonly additionalScopesKey?: string | undefined;
  /** Scopes, with their prefix, that another scope stands for besides itself. */
  readonly scopeAliases?: ReadonlyMap<string, readonly string[]> | undefined;
  /** Claims that hold the user name, the best first. Behind them come `client_id` and `sub`. */
  readonly usernameClaims?: readonly string[] | undefined;
}

const defaultUsernameClaims = ['client_id', 'sub'];

/**
 * The password is a token (JWT, RFC 7519) that says who it is and, in its scopes, what they may do (RabbitMQ plugin
 * `rabbitmq_auth_backend_oauth2`). Nobody is asked, but for the keys.
 */
export class OAuth2BackEnd implements BackEnd {
  readonly name = 'oauth2';
  readonly #options: OAuth2Options;
  readonly #clock: Clock;
  readonly #keys: SigningKeys;

  /** @throws Error when a key is none */
  constructor(options: OAuth2Options, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#keys = new SigningKeys(options);
  }

  async login({ username, password }: Login): Promise<Account> {
    if (password === undefined) throw new AuthenticationFailure(`user '${username}' has presented no token`);
    const payload = await this.#verified(password);
    this.#checkAudience(payload);
    if (payload['scope'] === undefined) throw refusal('it has no scopes');
    return this.#account(username, payload);
  }

  /** Whoever another back end has let in: what their token, which is still the password, says. */
  authorize(username: string, { password, address }: Login): Promise<Account> {
    return this.login({ username, address, ...(password !== undefined && { password }) });
  }

  async #verified(token: string): Promise<JWTPayload> {
    const { issuer, algorithms } = this.#options;
    try {
      // Few brokers see tokens, and it is a tenth of a start.
      const { jwtVerify } = await import('jose');
      const { payload } = await jwtVerify(token, this.#keys.find, {
        currentDate: new Date(this.#clock.now()),
        ...(issuer !== undefined && { issuer }),
        ...(algorithms !== undefined && { algorithms: [...algorithms] }),
      });
      return payload;
    } catch (error) {
      // Neither has the token in its message.
      throw refusal(error instanceof Error ? error.message : 'it is none');
    }
  }

  #checkAudience({ aud }: JWTPayload): void {
    const { resourceServerId, verifyAudience = true } = this.#options;
    if (!verifyAudience || resourceServerId === '') return;
    if (words(aud).includes(resourceServerId)) return;
    throw refusal(`it is not for the resource server ${resourceServerId}`);
  }

  #account(username: string, payload: JWTPayload): Account {
    const scopes = new Scopes(this.#scopes(payload));
    const claims = [...(this.#options.usernameClaims ?? []), ...defaultUsernameClaims].map(
      (name) => payload[name],
    );
    const name = claims.find((claim) => typeof claim === 'string' && claim !== '') ?? username;
    return {
      name: String(name),
      tags: scopes.tags,
      ...(payload.exp !== undefined && { expiresAt: payload.exp * 1000 }),
      // A token does not change.
      version: 0,
      vhostAccess: (vhost) => scopes.allowsVhost(vhost),
      resourceAccess: (vhost, _kind, resource, permission) => scopes.allows(vhost, resource, permission),
      checksTopics: () => true,
      topicAccess: (vhost, exchange, permission, routingKey) =>
        scopes.allowsTopic(vhost, exchange, permission, routingKey),
      renew: (secret) => this.login({ username, password: secret, address: undefined }),
    };
  }

  close(): void {
    this.#keys.close();
  }

  /** Those with the prefix of the resource server, without it. */
  #scopes(payload: JWTPayload): readonly string[] {
    const { resourceServerId, additionalScopesKey, scopeAliases } = this.#options;
    const prefix = this.#options.scopePrefix ?? (resourceServerId === '' ? '' : `${resourceServerId}.`);
    const given = [
      ...words(payload['scope']),
      ...(additionalScopesKey === undefined ? [] : this.#additional(payload[additionalScopesKey])),
      ...keycloakScopes(payload['authorization']),
    ];
    const all = given.flatMap((scope) => [scope, ...(scopeAliases?.get(scope) ?? [])]);
    if (all.length > scopesMax) {
      throw refusal(`it has ${all.length} scopes (at most ${scopesMax} are taken)`);
    }
    return all.filter((scope) => scope.startsWith(prefix)).map((scope) => scope.slice(prefix.length));
  }

  #additional(claim: unknown): readonly string[] {
    if (!isObject(claim)) return words(claim);
    const { resourceServerId } = this.#options;
    return words(claim[resourceServerId]).map((scope) => `${resourceServerId}.${scope}`);
  }
}

function refusal(reason: string): AuthenticationFailure {
  return new AuthenticationFailure(`Authentication using an OAuth 2/JWT token failed: ${reason}`);
}

/** Claims with several values are lists, or texts with spaces. */
function words(claim: unknown): readonly string[] {
  const items: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return items.flatMap((item) =>
    typeof item === 'string' ? item.split(' ').filter((word) => word !== '') : [],
  );
}

/** Keycloak's `authorization: { permissions: [{ scopes: [...] }] }`. */
function keycloakScopes(claim: unknown): readonly string[] {
  const permissions = isObject(claim) ? claim['permissions'] : undefined;
  if (!Array.isArray(permissions)) return [];
  return permissions.flatMap((permission: unknown) =>
    isObject(permission) ? words(permission['scopes']) : [],
  );
}
