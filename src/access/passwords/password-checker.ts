import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { AuthenticationFailure } from '../authentication-failure.ts';
import { isSlow, type PasswordHash, verifyPassword } from './password-hash.ts';

/** Slow hashes computed at a time: the pool they run on has four threads, and the store needs some of them. */
const hashesAtOnceMax = 2;

/** Logins that wait for their turn; further ones are refused. */
const waitingMax = 1024;

/**
 * Checks passwords without making everybody pay for a slow hash: a password that was right once is recognised by
 * its HMAC for as long as the hash it belongs to stays, and logins that wait for the same check share it.
 *
 * Who is refused has always waited for one slow hash, whether there is such a user or not and however old their
 * hash is, so that the time tells nothing.
 */
export class PasswordChecker {
  readonly #macKey = randomBytes(32);
  /** HMACs of the right passwords. A changed password comes with another object, so nothing is to be forgotten. */
  readonly #verified = new WeakMap<PasswordHash, Buffer>();
  readonly #underway = new Map<string, Promise<boolean>>();
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  /** Checked when there is no hash, or a fast one: nothing has this hash. */
  readonly #decoy: PasswordHash = {
    algorithm: 'leveret_password_hashing_scrypt',
    hash: Buffer.concat([Buffer.from([14, 8, 1]), randomBytes(48)]).toString('base64'),
  };

  /**
   * @param hash the user's, if there is such a user
   * @throws AuthenticationFailure when too many others are waiting
   */
  async matches(password: string, hash: PasswordHash | undefined): Promise<boolean> {
    const mac = createHmac('sha256', this.#macKey).update(password, 'utf8').digest();
    if (hash !== undefined) {
      const verified = this.#verified.get(hash);
      if (verified !== undefined && timingSafeEqual(verified, mac)) return true;
      if (!isSlow(hash) && (await verifyPassword(password, hash))) {
        this.#verified.set(hash, mac);
        return true;
      }
    }
    const key = `${mac.toString('base64')} ${hash?.hash}`;
    let check = this.#underway.get(key);
    if (check === undefined) {
      check = this.#check(password, mac, hash).finally(() => this.#underway.delete(key));
      this.#underway.set(key, check);
    }
    return check;
  }

  async #check(password: string, mac: Buffer, hash: PasswordHash | undefined): Promise<boolean> {
    await this.#turn();
    try {
      if (hash === undefined || !isSlow(hash)) {
        await verifyPassword(mac.toString('base64'), this.#decoy);
        return false;
      }
      const matches = await verifyPassword(password === '' ? '\0' : password, hash);
      if (!matches || password === '') return false;
      this.#verified.set(hash, mac);
      return true;
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running >= hashesAtOnceMax) {
      if (this.#waiting.length >= waitingMax) {
        throw new AuthenticationFailure(
          `more than ${waitingMax} logins wait for their passwords to be checked`,
        );
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
  }
}
