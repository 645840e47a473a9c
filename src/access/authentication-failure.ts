/**
 * A login that was refused. The reason is for the log: the client learns only that it was refused, so
 * that it cannot tell a wrong user from a wrong password.
 */
export class AuthenticationFailure extends Error {
  /** Who wanted to log in, as far as that is known. */
  username = '';

  constructor(reason: string) {
    super(reason);
    this.name = 'AuthenticationFailure';
  }
}

/** A login that was refused because nobody could check it: that is no sign of guessing. */
export class LoginNotChecked extends AuthenticationFailure {}
