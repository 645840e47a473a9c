import { notAuthorised } from './api-error.ts';
import type { Access } from './route.ts';

/** Any of these tags opens the HTTP API (RabbitMQ page "Management Plugin", "Access and Permissions"). */
const managementTags: readonly string[] = ['administrator', 'management', 'monitoring', 'policymaker'];

/** Somebody who has logged in. */
export class Principal {
  readonly username: string;
  readonly tags: readonly string[];
  readonly #mayEnter: (vhost: string) => boolean;

  /** `mayEnter`: there is a permission row for this virtual host. */
  constructor(username: string, tags: readonly string[], mayEnter: (vhost: string) => boolean) {
    this.username = username;
    this.tags = tags;
    this.#mayEnter = mayEnter;
  }

  get isAdministrator(): boolean {
    return this.tags.includes('administrator');
  }

  /** Sees all connections, channels and nodes. */
  get isMonitoring(): boolean {
    return this.isAdministrator || this.tags.includes('monitoring');
  }

  /** Whether lists show what is in this virtual host. */
  seesVhost(vhost: string): boolean {
    return this.isAdministrator || this.#mayEnter(vhost);
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

/** Nobody in particular, for what is served without a login. */
export const anonymous = new Principal('', [], () => false);
