import { createHmac, randomBytes } from 'node:crypto';
import type { Permission } from '../broker/actor.ts';
import type { Clock } from '../broker/clock.ts';
import type { ResourceKind } from '../broker/names.ts';
import { AuthenticationFailure } from './authentication-failure.ts';
import type { Account, Answer, BackEnd, Login } from './back-end.ts';
import { RecentAnswers } from './recent-answers.ts';

/** Under the names of rabbitmq.conf (`auth_cache.*`). */
export interface CacheOptions {
  /** How long an answer counts. Default 15000. */
  readonly ttlMs?: number | undefined;
  /** Refusals are remembered, too. Default false. */
  readonly refusals?: boolean | undefined;
}

/** Most logins remembered, and most answers for each of them. */
const loginsMax = 10_000;
const answersMax = 1_000;

/** What a login came to. */
type Outcome = Account | AuthenticationFailure;

/**
 * Remembers for all connections what another back end has answered (RabbitMQ plugin `rabbitmq_auth_backend_cache`):
 * a thousand connections with the same login cost it one question.
 */
export class CacheBackEnd implements BackEnd {
  readonly name = 'cache';
  readonly #backEnd: BackEnd;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #keepsRefusals: boolean;
  readonly #logins: RecentAnswers<Outcome>;
  /** Passwords are not kept, but digests of them that only this process can make. */
  readonly #key = randomBytes(32);

  constructor(backEnd: BackEnd, clock: Clock, { ttlMs = 15_000, refusals = false }: CacheOptions = {}) {
    this.#backEnd = backEnd;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#keepsRefusals = refusals;
    const isKept = (outcome: Outcome) => refusals || !(outcome instanceof AuthenticationFailure);
    this.#logins = new RecentAnswers(loginsMax, ttlMs, clock, isKept);
  }

  login(login: Login): Promise<Account> {
    return this.#remembered(['login', login.username, login.password, login.address], () =>
      this.#backEnd.login(login),
    );
  }

  authorize(username: string, login: Login): Promise<Account> {
    return this.#remembered(['authorize', username, login.username, login.password, login.address], () =>
      this.#backEnd.authorize(username, login),
    );
  }

  async #remembered(facts: readonly (string | undefined)[], ask: () => Promise<Account>): Promise<Account> {
    const question = createHmac('sha256', this.#key).update(JSON.stringify(facts)).digest('base64');
    const outcome = await this.#logins.answer(question, () => this.#outcome(ask()));
    if (outcome instanceof AuthenticationFailure) throw outcome;
    if ((outcome.expiresAt ?? Number.POSITIVE_INFINITY) <= this.#clock.now()) {
      throw new AuthenticationFailure(`user '${outcome.name}' - credential expired`);
    }
    return outcome;
  }

  /** A refusal is an answer, which may be worth remembering; an error is none. */
  async #outcome(asked: Promise<Account>): Promise<Outcome> {
    try {
      return this.#cached(await asked);
    } catch (error) {
      if (error instanceof AuthenticationFailure) return error;
      throw error;
    }
  }

  #cached(account: Account): Account {
    const ttlMs = this.#ttlMs;
    const isKept = (isAllowed: boolean) => this.#keepsRefusals || isAllowed;
    const answers = new RecentAnswers(answersMax, ttlMs, this.#clock, isKept);
    const remembered = (facts: readonly string[], ask: () => Answer): Answer =>
      answers.answer(JSON.stringify(facts), ask);
    const clock = this.#clock;
    const since = clock.now();
    const { name, tags, expiresAt } = account;
    return {
      name,
      tags,
      ...(expiresAt !== undefined && { expiresAt }),
      get version() {
        return account.version + Math.floor((clock.now() - since) / ttlMs);
      },
      vhostAccess: (vhost) => remembered(['vhost', vhost], () => account.vhostAccess(vhost)),
      resourceAccess: (vhost: string, kind: ResourceKind, resource: string, permission: Permission) =>
        remembered(['resource', vhost, kind, resource, permission], () =>
          account.resourceAccess(vhost, kind, resource, permission),
        ),
      checksTopics: (vhost, exchange) => account.checksTopics(vhost, exchange),
      topicAccess: (vhost, exchange, permission, routingKey) =>
        remembered(['topic', vhost, exchange, permission, routingKey], () =>
          account.topicAccess(vhost, exchange, permission, routingKey),
        ),
      ...(account.renew !== undefined && {
        renew: async (secret: string) => this.#cached((await account.renew?.(secret)) ?? account),
      }),
    };
  }
}
