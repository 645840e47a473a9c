import { readFileSync } from 'node:fs';
import type { Clock } from '../broker/clock.ts';
import type { Logger } from '../logger.ts';
import type { BackEnd, ChainLink } from './back-end.ts';
import { CacheBackEnd, type CacheOptions } from './cache-back-end.ts';
import { HttpBackEnd, type HttpBackEndOptions } from './http/http-back-end.ts';
import { OAuth2BackEnd, type OAuth2Options } from './oauth2/oauth2-back-end.ts';

/** Back ends to ask (rabbitmq.conf: `auth_backends`). `cache` stands before another one. */
export const backEndNames = ['internal', 'http', 'oauth2', 'cache'] as const;
export type BackEndName = (typeof backEndNames)[number];

/** One back end for both, or one that says who it is and another that says what they may do. */
export type BackEndChoice =
  | BackEndName
  | { readonly authentication: BackEndName; readonly authorization: BackEndName };

export interface AuthenticationOptions {
  /** Asked in this order until one lets somebody in. Default: the broker's own users. */
  readonly backEnds?: readonly BackEndChoice[] | undefined;
  readonly http?: (HttpBackEndOptions & { readonly caFile?: string | undefined }) | undefined;
  readonly oauth2?: (OAuth2Options & { readonly caFile?: string | undefined }) | undefined;
  /** `backEnd`: whose answers are remembered. Default `http`. */
  readonly cache?:
    | (CacheOptions & { readonly backEnd?: Exclude<BackEndName, 'cache'> | undefined })
    | undefined;
}

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
