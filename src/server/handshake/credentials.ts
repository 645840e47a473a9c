import type { Account } from '../../access/back-end.ts';
import type { Clock, Timer } from '../../broker/clock.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { MethodId } from '../../protocol/methods.ts';

/** What credentials need of the connection that was opened with them. */
export interface CredentialsHost {
  readonly isRunning: boolean;
  pauseInput(): void;
  resumeInput(): void;
  /** connection.update-secret-ok is due; what was allowed before is to be asked for again. */
  secretUpdated(account: Account): void;
  closeWithError(error: AmqpError): void;
}

/** The login of an open connection: when it runs out, and connection.update-secret, which renews it. */
export class Credentials {
  readonly #host: CredentialsHost;
  readonly #clock: Clock;
  readonly #vhost: string;
  #account: Account;
  #expiry: Timer | undefined;

  constructor(host: CredentialsHost, clock: Clock, account: Account, vhost: string) {
    this.#host = host;
    this.#clock = clock;
    this.#vhost = vhost;
    this.#account = account;
    this.#watchExpiry();
  }

  /** Takes a new secret in place of the old one; a wrong one ends the connection with 530. */
  async renew(secret: string): Promise<void> {
    const host = this.#host;
    host.pauseInput();
    try {
      const account = await this.#renewed(secret);
      if (host.isRunning) {
        this.#account = account;
        this.#watchExpiry();
        host.secretUpdated(account);
      }
    } catch {
      if (host.isRunning) host.closeWithError(refused());
    }
    host.resumeInput();
  }

  stop(): void {
    this.#expiry?.cancel();
  }

  async #renewed(secret: string): Promise<Account> {
    const account = this.#account;
    // Passwords do not run out.
    if (account.renew === undefined) return account;
    const renewed = await account.renew(secret);
    const isSame = renewed.name === account.name && (await renewed.vhostAccess(this.#vhost));
    if (!isSame) throw refused();
    return renewed;
  }

  #watchExpiry(): void {
    this.#expiry?.cancel();
    const { expiresAt } = this.#account;
    if (expiresAt === undefined) return;
    this.#expiry = this.#clock.setTimer(Math.max(0, expiresAt - this.#clock.now()), () => {
      this.#host.closeWithError(new AmqpError(ReplyCode.ConnectionForced, 'credential expired'));
    });
  }
}

function refused(): AmqpError {
  const text = 'New secret was refused by one of the backends';
  return new AmqpError(ReplyCode.NotAllowed, text).during(MethodId.ConnectionUpdateSecret);
}
