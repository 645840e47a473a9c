import type { Permission } from '../../broker/actor.ts';
import type { Clock } from '../../broker/clock.ts';
import type { ResourceKind } from '../../broker/names.ts';
import type { Logger } from '../../logger.ts';
import { AuthenticationFailure } from '../authentication-failure.ts';
import type { Account, BackEnd, Login } from '../back-end.ts';
import { HttpClient } from './http-client.ts';

/** Where to ask, under the names of rabbitmq.conf (`auth_http.*`). */
export interface HttpBackEndOptions {
  /** `post` keeps passwords out of the logs of servers on the way. Default `get`, as in RabbitMQ. */
  readonly method?: 'get' | 'post' | undefined;
  readonly userPath: string;
  readonly vhostPath: string;
  readonly resourcePath: string;
  /** Default: every routing key is allowed. */
  readonly topicPath?: string | undefined;
  /** Default 15000. */
  readonly timeoutMs?: number | undefined;
  /** How long a connection remembers an answer. Default 15000. */
  readonly answerTtlMs?: number | undefined;
  /** Of the authorities that sign the server's certificate, PEM. Default: those Node.js knows. */
  readonly ca?: Buffer | undefined;
}

const defaultTimeoutMs = 15_000;
const defaultAnswerTtlMs = 15_000;
const answerBytesMax = 64 * 1024;

type Fields = Readonly<Record<string, string>>;

/**
 * A service of the operator's decides (RabbitMQ plugin `rabbitmq_auth_backend_http`): it is asked for each login,
 * virtual host, resource and routing key, and answers `allow` or `deny`. Whatever else happens is a refusal.
 */
export class HttpBackEnd implements BackEnd {
  readonly name = 'http';
  readonly #options: HttpBackEndOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #client: HttpClient;

  constructor(options: HttpBackEndOptions, clock: Clock, log: Logger) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    const { timeoutMs = defaultTimeoutMs, ca } = options;
    this.#client = new HttpClient({ timeoutMs, answerBytesMax, ca });
  }

  async login(login: Login): Promise<Account> {
    const { username, password } = login;
    const answer = await this.#ask(this.#options.userPath, {
      username,
      ...(password !== undefined && { password }),
    });
    const [verdict, ...tags] = answer.split(/\s+/);
    if (verdict?.toLowerCase() === 'allow') return this.#account(login, tags);
    if (verdict?.toLowerCase() !== 'deny') {
      throw new Error(`${new URL(this.#options.userPath).host} answered neither 'allow' nor 'deny' first`);
    }
    throw new AuthenticationFailure(`user '${username}' - denied by the HTTP service`);
  }

  /** As RabbitMQ does: the service is asked again, without a password. */
  authorize(username: string, { address }: Login): Promise<Account> {
    return this.login({ username, address });
  }

  #account({ username, address }: Login, tags: readonly string[]): Account {
    const { vhostPath, resourcePath, topicPath, answerTtlMs = defaultAnswerTtlMs } = this.#options;
    const clock = this.#clock;
    const since = clock.now();
    const common = { username, tags: tags.join(' ') };
    return {
      name: username,
      tags,
      /** What a connection remembers is forgotten from time to time. */
      get version() {
        return Math.floor((clock.now() - since) / answerTtlMs);
      },
      vhostAccess: (vhost) => this.#allows(vhostPath, { ...common, vhost, ip: address ?? '' }),
      resourceAccess: (vhost: string, resource: ResourceKind, name: string, permission: Permission) =>
        this.#allows(resourcePath, { ...common, vhost, resource, name, permission }),
      checksTopics: () => topicPath !== undefined,
      topicAccess: (vhost, name, permission, routingKey) =>
        topicPath === undefined ||
        this.#allows(topicPath, {
          ...common,
          vhost,
          resource: 'topic',
          name,
          permission,
          routing_key: routingKey,
          'variable_map.username': username,
          'variable_map.vhost': vhost,
        }),
    };
  }

  async #allows(path: string, fields: Fields): Promise<boolean> {
    try {
      return (await this.#ask(path, fields)).toLowerCase() === 'allow';
    } catch (error) {
      this.#log.error({ err: error, user: fields['username'] }, 'the HTTP service for access did not answer');
      return false;
    }
  }

  /** @throws Error that shows nothing of what was asked */
  async #ask(path: string, fields: Fields): Promise<string> {
    const url = new URL(path);
    const form = new URLSearchParams(fields);
    const isPost = this.#options.method === 'post';
    if (!isPost) url.search = form.toString();
    const { status, body } = await this.#client.ask(url, isPost ? form : undefined);
    if (status !== 200 && status !== 201) throw new Error(`${url.host} answered with status ${status}`);
    return body.trim();
  }

  close(): void {
    this.#client.close();
  }
}
