import { readFileSync } from 'node:fs';
import {
  type AuthenticationOptions,
  type BackEndChoice,
  type BackEndName,
  backEndNames,
} from '../access/authentication-options.ts';
import { ConfigError } from './error.ts';
import type { Chapter, Setting, SettingReader } from './setting.ts';
import { flag, integer, list, oneOf, path, text, url, type ValueType } from './value.ts';

const chapter: Chapter = 'Access';
const milliseconds = integer(1, 3_600_000, 'ms', 'a number of milliseconds');

/** What is only there when it is given. */
function optional<T>(
  flagName: string,
  fileKey: string,
  type: ValueType<T>,
  doc: string,
  defaultText = 'none',
): Setting<T, undefined> {
  return { flag: flagName, fileKeys: [fileKey], type, defaultValue: undefined, defaultText, doc, chapter };
}

/** RabbitMQ 3.10 knows some back ends by the names of their modules only. */
function backEnd<const T extends BackEndName>(names: readonly T[]): ValueType<T> {
  const type = oneOf(names);
  return { ...type, parse: (given) => type.parse(given.replace(/^rabbit_auth_backend_/, '')) };
}

const backEndName = backEnd(backEndNames);

/** `http`, or `authn=http+authz=internal`, which is what the lines `auth_backends.1.authn` and `.authz` become. */
const backEndChoice: ValueType<BackEndChoice> = {
  placeholder: `${backEndName.placeholder}|authn=<name>+authz=<name>`,
  expected: `${backEndName.expected}, or two of them as authn=<name>+authz=<name>`,
  parse: (given) => {
    if (!given.includes('=')) return backEndName.parse(given);
    const parts = new Map(
      given.split('+').map((part): [string, string] => [part.slice(0, 5), part.slice(6)]),
    );
    const authentication = backEndName.parse(parts.get('authn') ?? '');
    const authorization = backEndName.parse(parts.get('authz') ?? parts.get('authn') ?? '');
    if (authentication === undefined || authorization === undefined) return undefined;
    return { value: { authentication: authentication.value, authorization: authorization.value } };
  },
};

/** `id=path`, which is what the line `auth_oauth2.signing_keys.id` becomes. */
const signingKeyFile: ValueType<readonly [id: string, file: string]> = {
  placeholder: '<id>=<path>',
  expected: 'an id and a path with = between',
  parse: (given) => {
    const [, id, file] = /^([^=]+)=(.+)$/.exec(given) ?? [];
    return id === undefined || file === undefined ? undefined : { value: [id, file] };
  },
};

/** `alias=scope scope`, which is what the line `auth_oauth2.scope_aliases.alias = scope scope` becomes. */
const scopeAliases: ValueType<ReadonlyMap<string, readonly string[]>> = {
  placeholder: '<alias>=<scope> <scope>,...',
  expected: 'a list of aliases, each with = and scopes behind it, with spaces between these',
  parse: (given) => {
    const parts = given.split(',').map((part) => /^([^=]+)=(.+)$/.exec(part.trim()));
    if (parts.some((part) => part === null)) return undefined;
    const aliases = parts.map((part): [string, readonly string[]] => [
      part?.[1] ?? '',
      (part?.[2] ?? '').split(/\s+/).filter((scope) => scope !== ''),
    ]);
    return { value: new Map(aliases) };
  },
};

/**
 * Who is asked about logins and permissions (RabbitMQ pages "Authentication, Authorisation, Access Control" and
 * "OAuth 2 Guide"; README of the plugins rabbitmq_auth_backend_http and rabbitmq_auth_backend_cache).
 *
 * @throws ConfigError for a back end that lacks something, and for a signing key that cannot be read
 */
export function readAuthenticationSettings(read: SettingReader): AuthenticationOptions {
  const backEnds = read({
    flag: 'auth-backends',
    fileKeys: ['auth_backends.N'],
    type: list(backEndChoice),
    defaultValue: undefined,
    defaultText: 'internal',
    doc: 'Who is asked about logins and permissions, in this order, until one lets somebody in.',
    chapter,
  });
  return { backEnds, http: readHttp(read), oauth2: readOAuth2(read), cache: readCache(read) };
}

function readHttp(read: SettingReader): AuthenticationOptions['http'] {
  const key = (name: string) => `auth_http.${name}`;
  const method = read(
    optional(
      'auth-http-method',
      key('http_method'),
      oneOf(['get', 'post']),
      'How the HTTP service is asked. post keeps passwords out of logs on the way.',
      'get',
    ),
  );
  const userPath = read(optional('auth-http-user-path', key('user_path'), url, 'URL to ask about logins.'));
  const vhostPath = read(
    optional('auth-http-vhost-path', key('vhost_path'), url, 'URL to ask about virtual hosts.'),
  );
  const resourcePath = read(
    optional('auth-http-resource-path', key('resource_path'), url, 'URL to ask about queues and exchanges.'),
  );
  const topicPath = read(
    optional(
      'auth-http-topic-path',
      key('topic_path'),
      url,
      'URL to ask about routing keys of topic exchanges.',
      'none: all are allowed',
    ),
  );
  const timeoutMs = read(
    optional(
      'auth-http-timeout',
      key('request_timeout'),
      milliseconds,
      'Time the HTTP service has for an answer, in milliseconds.',
      '15000',
    ),
  );
  const answerTtlMs = read(
    optional(
      'auth-http-answer-ttl',
      key('answer_ttl'),
      milliseconds,
      'Time a connection remembers an answer, in milliseconds.',
      '15000',
    ),
  );
  const caFile = read(
    optional(
      'auth-http-ca',
      key('ssl_options.cacertfile'),
      path,
      'Authorities that sign the certificate of the HTTP service (PEM).',
      'those Node.js knows',
    ),
  );
  const paths = [userPath, vhostPath, resourcePath];
  if (paths.every((given) => given === undefined)) return undefined;
  if (userPath === undefined || vhostPath === undefined || resourcePath === undefined) {
    throw new ConfigError(
      'the HTTP service needs auth_http.user_path, auth_http.vhost_path and auth_http.resource_path',
    );
  }
  return { method, userPath, vhostPath, resourcePath, topicPath, timeoutMs, answerTtlMs, caFile };
}

function readOAuth2(read: SettingReader): AuthenticationOptions['oauth2'] {
  const key = (name: string) => `auth_oauth2.${name}`;
  const resourceServerId = read(
    optional(
      'oauth2-resource-server-id',
      key('resource_server_id'),
      text,
      'Audience that tokens have to be for, and prefix of their scopes.',
    ),
  );
  const keyFiles = read(
    optional(
      'oauth2-signing-keys',
      key('signing_keys.ID'),
      list(signingKeyFile),
      'Keys that tokens are signed with: public keys (PEM) or JSON Web Keys, by their ids.',
    ),
  );
  const rest = {
    defaultKey: read(
      optional('oauth2-default-key', key('default_key'), text, 'Id of the key for tokens that name none.'),
    ),
    jwksUrl: read({
      ...optional('oauth2-jwks-url', key('jwks_url'), url, 'Where the identity provider publishes its keys.'),
      fileKeys: [key('jwks_url'), key('jwks_uri')],
    }),
    issuer: read(
      optional(
        'oauth2-issuer',
        key('issuer'),
        text,
        'Who has to have issued tokens.',
        'whoever has the keys',
      ),
    ),
    algorithms: read(
      optional(
        'oauth2-algorithms',
        key('algorithms.N'),
        list(text),
        'Algorithms that tokens may be signed with.',
        'those the key is for',
      ),
    ),
    verifyAudience: read(
      optional(
        'oauth2-verify-aud',
        key('verify_aud'),
        flag,
        'Whether tokens have to be for the resource server.',
        'true',
      ),
    ),
    scopePrefix: read(
      optional(
        'oauth2-scope-prefix',
        key('scope_prefix'),
        text,
        'What the scopes that count begin with.',
        'the id of the resource server and a dot',
      ),
    ),
    additionalScopesKey: read(
      optional(
        'oauth2-additional-scopes-key',
        key('additional_scopes_key'),
        text,
        'A claim with more scopes.',
      ),
    ),
    scopeAliases: read(
      optional(
        'oauth2-scope-aliases',
        key('scope_aliases.ID'),
        scopeAliases,
        'Scopes that another scope or role of a token stands for.',
      ),
    ),
    usernameClaims: read(
      optional(
        'oauth2-username-claims',
        key('preferred_username_claims.N'),
        list(text),
        'Claims with the user name; client_id and sub come after them.',
      ),
    ),
    caFile: read(
      optional(
        'oauth2-ca',
        key('https.cacertfile'),
        path,
        'Authorities that sign the certificate of the identity provider (PEM).',
        'those Node.js knows',
      ),
    ),
  };
  if (resourceServerId === undefined) return undefined;
  const signingKeys = new Map((keyFiles ?? []).map(([id, file]) => [id, readKeyFile(file)]));
  return { ...rest, resourceServerId, signingKeys };
}

function readKeyFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(
      `cannot read the signing key ${file}: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function readCache(read: SettingReader): AuthenticationOptions['cache'] {
  return {
    backEnd: read(
      optional(
        'auth-cache-backend',
        'auth_cache.cached_backend',
        backEnd(['internal', 'http', 'oauth2']),
        'Whose answers the back end cache remembers.',
        'http',
      ),
    ),
    ttlMs: read(
      optional(
        'auth-cache-ttl',
        'auth_cache.cache_ttl',
        milliseconds,
        'How long it remembers them, in milliseconds.',
        '15000',
      ),
    ),
    refusals: read(
      optional(
        'auth-cache-refusals',
        'auth_cache.cache_refusals',
        flag,
        'Whether it remembers refusals, too.',
        'false',
      ),
    ),
  };
}
