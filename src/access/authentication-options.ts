import type { CacheOptions } from './cache-back-end.ts';
import type { HttpBackEndOptions } from './http/http-back-end.ts';
import type { OAuth2Options } from './oauth2/oauth2-back-end.ts';

/** Back ends to ask (rabbitmq.conf: `auth_backends`). `cache` stands before another one. */
export const backEndNames = ['internal', 'http', 'oauth2', 'cache'] as const;
export type BackEndName = (typeof backEndNames)[number];

/** One back end for both, or one that says who it is and another that says what they may do. */
export type BackEndChoice =
  | BackEndName
  | { readonly authentication: BackEndName; readonly authorization: BackEndName };

/** Who is asked about logins and permissions, and where they are found. */
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
