import { readFileSync } from 'node:fs';
import type { Clock } from '../broker/clock.ts';
import type { Logger } from '../logger.ts';
import type { AuthenticationOptions, BackEndName } from './authentication-options.ts';
import type { BackEnd, ChainLink } from './back-end.ts';
import { CacheBackEnd } from './cache-back-end.ts';
import { HttpBackEnd } from './http/http-back-end.ts';
import { OAuth2BackEnd } from './oauth2/oauth2-back-end.ts';

/** The back ends of one broker: each is there once, however often it is named. */
export class BackEnds {
  readonly chain: readonly ChainLink[];
  readonly #options: AuthenticationOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #byName = new Map<BackEndName, BackEnd>();
  readonly #closers: (() => void)[] = [];

  /** @throws Error when one is not configured, or its files cannot be used */
  constructor(options: AuthenticationOptions, internal: BackEnd, clock: Clock, log: Logger) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#byName.set('internal', internal);
    this.chain = (options.backEnds ?? ['internal']).map((choice) => {
      const { authentication, authorization } =
        typeof choice === 'string' ? { authentication: choice, authorization: choice } : choice;
      return { authentication: this.#get(authentication), authorization: this.#get(authorization) };
    });
  }

  #get(name: BackEndName): BackEnd {
    const backEnd = this.#byName.get(name) ?? this.#create(name);
    this.#byName.set(name, backEnd);
    return backEnd;
  }

  #create(name: BackEndName): BackEnd {
    const { http, oauth2, cache = {} } = this.#options;
    if (name === 'cache') return new CacheBackEnd(this.#get(cache.backEnd ?? 'http'), this.#clock, cache);
    if (name === 'http' && http !== undefined) {
      return this.#closed(new HttpBackEnd({ ...http, ...authorities(http.caFile) }, this.#clock, this.#log));
    }
    if (name === 'oauth2' && oauth2 !== undefined) {
      return this.#closed(new OAuth2BackEnd({ ...oauth2, ...authorities(oauth2.caFile) }, this.#clock));
    }
    throw new Error(`the authentication back end '${name}' is asked for, but not configured`);
  }

  #closed<T extends { close(): void }>(backEnd: T): T {
    this.#closers.push(() => backEnd.close());
    return backEnd;
  }

  /** Lets go of connections to the outside. */
  close(): void {
    for (const close of this.#closers) close();
  }
}

function authorities(caFile: string | undefined): { ca?: Buffer } {
  return caFile === undefined ? {} : { ca: readFileSync(caFile) };
}
