import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../broker/clock.ts';
import { AuthenticationFailure } from './authentication-failure.ts';
import type { Login } from './back-end.ts';

/** How many different wrong logins there may be within a minute; `Infinity`: any number. */
export interface LoginFailureLimits {
  readonly perAddress: number;
  readonly perUser: number;
}

/** Limits when nothing is said. */
export const defaultLoginFailureLimits: LoginFailureLimits = { perAddress: 60, perUser: 20 };

const windowMs = 60_000;

/** Users and addresses under watch, and pairs of both that have proved good. The oldest make room. */
const rememberedMax = 10_000;

/** Failures since a point in time. */
interface Record {
  readonly since: number;
  /** What was tried: a client that goes on trying the same wrong password is misconfigured, not guessing. */
  readonly tried: Set<string>;
}

/**
 * Slows down guessing: who has failed with too many different passwords is refused for the rest of the minute,
 * whatever the next one is.
 *
 * A user who has come in from an address before is counted together with this address alone. So nobody can lock
 * out a program that works, neither by failing as its user from elsewhere nor by failing as somebody else
 * from the same address, that of a proxy perhaps.
 */
export class LoginThrottle {
  readonly #limits: LoginFailureLimits;
  readonly #clock: Clock;
  readonly #macKey = randomBytes(32);
  readonly #failures = new Map<string, Record>();
  readonly #trusted = new Set<string>();
  #trustedLast: Login | undefined;

  constructor(limits: LoginFailureLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** @throws AuthenticationFailure */
  check(login: Login): void {
    if (this.#failures.size === 0) return;
    for (const [key, limit, what] of this.#counters(login)) {
      const record = this.#record(key);
      if (record !== undefined && record.tried.size >= limit) {
        throw new AuthenticationFailure(`more than ${limit} failed logins ${what} within a minute`);
      }
    }
  }

  succeeded({ username, address }: Login): void {
    const last = this.#trustedLast;
    if (last?.username === username && last.address === address) return;
    this.#trustedLast = { username, address };
    const pair = pairOf(username, address);
    this.#trusted.delete(pair);
    this.#trusted.add(pair);
    forgetOldest(this.#trusted);
  }

  failed(login: Login): void {
    const tried = createHmac('sha256', this.#macKey)
      .update(JSON.stringify([login.username, login.password]))
      .digest('base64');
    for (const [key, limit] of this.#counters(login)) {
      const record = this.#record(key) ?? { since: this.#clock.now(), tried: new Set<string>() };
      if (record.tried.size < limit) record.tried.add(tried);
      this.#failures.delete(key);
      this.#failures.set(key, record);
    }
    forgetOldest(this.#failures);
  }

  *#counters({ username, address }: Login): Iterable<readonly [key: string, limit: number, what: string]> {
    const { perAddress, perUser } = this.#limits;
    const pair = pairOf(username, address);
    if (this.#trusted.has(pair)) {
      yield [pair, perUser, `of user '${username}' from ${address}`];
      return;
    }
    yield [`address ${address}`, perAddress, `from ${address}`];
    yield [`user ${username}`, perUser, `of user '${username}'`];
  }

  #record(key: string): Record | undefined {
    const record = this.#failures.get(key);
    return record === undefined || this.#clock.now() - record.since >= windowMs ? undefined : record;
  }
}

function pairOf(username: string, address: string | undefined): string {
  return `pair ${address} ${username}`;
}

/** The first ones are the oldest. */
function forgetOldest(keys: {
  readonly size: number;
  keys(): Iterator<string>;
  delete(key: string): boolean;
}) {
  const { value } = keys.keys().next();
  if (keys.size > rememberedMax && value !== undefined) keys.delete(value);
}
