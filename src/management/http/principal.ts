import type { Account } from '../../access/back-end.ts';
import { localAccount } from '../../access/local-account.ts';
import type { Access } from './access.ts';
import { notAuthorised } from './api-error.ts';

/** Any of these tags opens the HTTP API (RabbitMQ page "Management Plugin", "Access and Permissions"). */
const managementTags: readonly string[] = ['administrator', 'management', 'monitoring', 'policymaker'];

/** Somebody who has logged in. */
export class Principal {
  readonly account: Account;
  readonly #visible: ReadonlySet<string>;

  /** `visible`: the virtual hosts for which there is a permission row. */
  constructor(account: Account, visible: ReadonlySet<string>) {
    this.account = account;
    this.#visible = visible;
  }

  get username(): string {
    return this.account.name;
  }

  get tags(): readonly string[] {
    return this.account.tags;
  }

  get isAdministrator(): boolean {
    return this.tags.includes('administrator');
  }

  /** Came in by the local socket, without a login. */
  get isLocal(): boolean {
    return this.account === localAccount;
  }

  /** Sees all connections, channels and nodes. */
  get isMonitoring(): boolean {
    return this.isAdministrator || this.tags.includes('monitoring');
  }

  /** May work in this virtual host. */
  mayEnter(vhost: string): boolean {
    return this.#visible.has(vhost);
  }

  /** Lists show what is in this virtual host. */
  seesVhost(vhost: string): boolean {
    return this.isAdministrator || this.mayEnter(vhost);
  }

  /** Two with the same scope see the same. */
  get scope(): string {
    return this.isAdministrator ? '*' : JSON.stringify([...this.#visible]);
  }

  /** @throws ApiError 401 with RabbitMQ's reason */
  require(access: Access): void {
    if (!this.tags.some((tag) => managementTags.includes(tag))) {
      const advice = `Give '${this.username}' one of the tags ${managementTags.join(', ')}.`;
      throw notAuthorised('Not management user', advice);
    }
    if (this.isAdministrator) return;
    if (access === 'administrator') throw notAuthorised('Not administrator user');
    if (access === 'monitoring' && !this.isMonitoring) throw notAuthorised('Not monitor user');
    if (access === 'policymaker' && !this.tags.includes('policymaker')) {
      throw notAuthorised('User not authorised to access object');
    }
  }
}
