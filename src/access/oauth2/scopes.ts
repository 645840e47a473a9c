import type { Permission } from '../../broker/actor.ts';

/** `read:vhost/name/routing-key`: a permission, and patterns for what it is about. */
interface ScopeRule {
  readonly permission: Permission;
  readonly vhost: Glob;
  readonly name: Glob;
  /** Without it the rule is not about topics. */
  readonly routingKey: Glob | undefined;
}

type Glob = (text: string) => boolean;

const permissions: readonly Permission[] = ['configure', 'write', 'read'];
const tagPrefix = 'tag:';

/** More rules than this in one token are an error of whoever issues it. */
export const scopesMax = 1_000;

/**
 * What the scopes of a token allow (RabbitMQ page "OAuth 2 Guide", "Scope-to-Permission Translation"). Scopes that
 * say nothing to a broker are ignored.
 */
export class Scopes {
  readonly tags: readonly string[];
  readonly #rules: readonly ScopeRule[];

  /** The scopes without the prefix of the resource server. */
  constructor(scopes: readonly string[]) {
    this.tags = [...new Set(scopes.filter((scope) => scope.startsWith(tagPrefix)))].map((scope) =>
      scope.slice(tagPrefix.length),
    );
    this.#rules = scopes.flatMap((scope) => rule(scope) ?? []);
  }

  allowsVhost(vhost: string): boolean {
    return this.#rules.some((given) => given.vhost(vhost));
  }

  allows(vhost: string, name: string, permission: Permission): boolean {
    return this.#rules.some(
      (given) => given.permission === permission && given.vhost(vhost) && given.name(name),
    );
  }

  allowsTopic(vhost: string, exchange: string, permission: Permission, routingKey: string): boolean {
    return this.#rules.some(
      (given) =>
        given.permission === permission &&
        given.vhost(vhost) &&
        given.name(exchange) &&
        given.routingKey?.(routingKey) === true,
    );
  }
}

function rule(scope: string): ScopeRule | undefined {
  const permission = permissions.find((known) => scope.startsWith(`${known}:`));
  if (permission === undefined) return undefined;
  const [vhost, name, routingKey, ...more] = scope.slice(permission.length + 1).split('/');
  if (vhost === undefined || name === undefined || more.length > 0) return undefined;
  return {
    permission,
    vhost: glob(vhost),
    name: glob(name),
    routingKey: routingKey === undefined ? undefined : glob(routingKey),
  };
}

/**
 * `*` stands for any text, and everything else for itself, written as in a URL: `%2F` is the virtual host `/`. The
 * pieces between stars are looked for from left to right, so a pattern costs no more than its text is long.
 */
export function glob(pattern: string): Glob {
  const pieces = pattern.split('*').map(decoded);
  if (pieces.some((piece) => piece === undefined)) return () => false;
  const [first = '', ...rest] = pieces.map(String);
  const last = rest.pop();
  if (last === undefined) return (text) => text === first;
  return (text) => {
    if (!text.startsWith(first)) return false;
    let at = first.length;
    for (const piece of rest) {
      const found = text.indexOf(piece, at);
      if (found === -1) return false;
      at = found + piece.length;
    }
    return text.length - last.length >= at && text.endsWith(last);
  };
}

function decoded(piece: string): string | undefined {
  try {
    return decodeURIComponent(piece.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
