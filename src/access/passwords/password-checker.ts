import { hash as digest, randomBytes } from 'node:crypto';
import { LoginNotChecked } from '../authentication-failure.ts';
import { isSlow, type PasswordHash, verifyPassword } from './password-hash.ts';

/** Slow hashes computed at a time: the pool they run on has four threads, and the store needs some of them. */
const hashesAtOnceMax = 2;

/** Logins that wait for their turn; further ones are refused. */
const waitingMax = 1024;

/** Wrong passwords that are known to be wrong. The oldest make room. */
const refusedMax = 10_000;

/**
 * Checks passwords without making everybody pay for a slow hash: a password that was right once is recognised by
 * its mark for as long as the hash it belongs to stays, and so is one that was wrong: a misconfigured client tries
 * it every few seconds. Logins that wait for the same check share it.
 *
 * Who tries a wrong password for the first time always waits for one slow hash, whether there is such a user or not
 * and however old their hash is, so that the time tells nothing.
 */
export class PasswordChecker {
  /** Nobody outside of this process knows it. Always as long, so it cannot run into what stands behind it. */
  readonly #secret = randomBytes(32).toString('base64');
  /** Marks of the right passwords. A changed password comes with another object, so nothing is to be forgotten. */
  readonly #verified = new WeakMap<PasswordHash, string>();
  /** Marks of users and wrong passwords, with the hashes they are wrong for. */
  readonly #refused = new Set<string>();
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
   * @throws LoginNotChecked when too many others are waiting
   */
  async matches(username: string, password: string, hash: PasswordHash | undefined): Promise<boolean> {
    const mark = this.#mark(username, password);
    if (hash !== undefined) {
      // How long this takes tells nothing: nobody outside can know what the mark of a password begins with.
      if (this.#verified.get(hash) === mark) return true;
      if (!isSlow(hash) && (await verifyPassword(password, hash))) {
        this.#verified.set(hash, mark);
        return true;
      }
    }
    const key = `${mark} ${hash?.hash}`;
    if (this.#refused.has(key)) return false;
    let check = this.#underway.get(key);
    if (check === undefined) {
      check = this.#check(password, mark, hash).finally(() => this.#underway.delete(key));
      this.#underway.set(key, check);
    }
    const matches = await check;
    if (!matches) this.#refuse(key);
    return matches;
  }

  /**
   * SHA-256 of the secret and what was tried. It never leaves this object, so nobody could lengthen it, which is what
   * an HMAC is against; and that would be the dearest part of a login.
   */
  #mark(username: string, password: string): string {
    // The length says where the name ends: both may contain anything.
    return digest('sha256', `${this.#secret}${username.length} ${username}${password}`, 'base64');
  }

  #refuse(key: string): void {
    this.#refused.add(key);
    const [oldest] = this.#refused;
    if (this.#refused.size > refusedMax && oldest !== undefined) this.#refused.delete(oldest);
  }

  async #check(password: string, mark: string, hash: PasswordHash | undefined): Promise<boolean> {
    await this.#turn();
    try {
      if (hash === undefined || !isSlow(hash)) {
        await verifyPassword(mark, this.#decoy);
        return false;
      }
      const matches = await verifyPassword(password === '' ? '\0' : password, hash);
      if (!matches || password === '') return false;
      this.#verified.set(hash, mark);
      return true;
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running >= hashesAtOnceMax) {
      if (this.#waiting.length >= waitingMax) {
        throw new LoginNotChecked(`more than ${waitingMax} logins wait for their passwords to be checked`);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
  }
}
