import { type Actor, type Permission, Undecided } from '../broker/actor.ts';
import type { ResourceKind } from '../broker/names.ts';
import type { Exchange } from '../broker/routing/exchange.ts';
import { AmqpError, ReplyCode } from '../protocol/errors.ts';
import type { Account, Answer } from './back-end.ts';

/** Answers remembered. One more, and all of them are forgotten and asked for again. */
const rememberedMax = 256;

/** A user at work in a virtual host, from one connection. */
export class UserActor implements Actor {
  readonly owner: object;
  readonly username: string;
  readonly #vhost: string;
  readonly #account: Account;
  /** The answers below were given at this version. */
  #version: number;
  readonly #remembered = new Map<string, boolean>();

  constructor(owner: object, account: Account, vhost: string) {
    this.owner = owner;
    this.username = account.name;
    this.#vhost = vhost;
    this.#account = account;
    this.#version = account.version;
  }

  get version(): number {
    return this.#account.version;
  }

  require(permission: Permission, kind: ResourceKind, name: string): void {
    const account = this.#account;
    const shownName = name === '' && kind === 'exchange' ? 'amq.default' : name;
    const isAllowed = this.#decide(`${permission} ${kind} ${shownName}`, () =>
      account.resourceAccess(this.#vhost, kind, shownName, permission),
    );
    if (!isAllowed) throw this.#refusal(`access to ${kind} '${shownName}' in vhost '${this.#vhost}'`);
  }

  checksTopics({ name, type }: Exchange): boolean {
    return type.name === 'topic' && this.#account.checksTopics(this.#vhost, name);
  }

  requireTopic(permission: 'write' | 'read', exchange: Exchange, routingKey: string): void {
    if (!this.checksTopics(exchange)) return;
    const { name } = exchange;
    // Both names may contain anything: the length says where the first one ends.
    const isAllowed = this.#decide(`${permission} topic ${name.length} ${name} ${routingKey}`, () =>
      this.#account.topicAccess(this.#vhost, name, permission, routingKey),
    );
    if (isAllowed) return;
    const where = `in exchange '${name}' in vhost '${this.#vhost}'`;
    throw this.#refusal(`access to topic '${routingKey}' ${where}`);
  }

  /** The answer, if it is known or comes at once. @throws Undecided */
  #decide(question: string, ask: () => Answer): boolean {
    if (this.#version !== this.version) {
      this.#version = this.version;
      this.#remembered.clear();
    }
    const known = this.#remembered.get(question);
    if (known !== undefined) return known;
    const answer = ask();
    if (typeof answer === 'boolean') {
      this.#remember(question, answer);
      return answer;
    }
    throw new Undecided(
      answer.then(
        (isAllowed) => this.#remember(question, isAllowed),
        () => this.#remember(question, false),
      ),
    );
  }

  #remember(question: string, isAllowed: boolean): void {
    if (this.#remembered.size >= rememberedMax) this.#remembered.clear();
    this.#remembered.set(question, isAllowed);
  }

  #refusal(what: string): AmqpError {
    return new AmqpError(ReplyCode.AccessRefused, `${what} refused for user '${this.username}'`);
  }
}
