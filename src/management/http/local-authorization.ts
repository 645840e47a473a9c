import { localAccount } from '../../access/local-account.ts';
import { Authorization } from './authorization.ts';
import { Principal } from './principal.ts';

/** Where only who may do everything gets in: a request without a login is theirs. */
export class LocalAuthorization extends Authorization {
  override async login(header: string | undefined): Promise<Principal> {
    const named = await super.login(header, '127.0.0.1');
    return named ?? new Principal(localAccount, this.vhostNames());
  }
}
