/**
 * - `not-found`: what is meant does not exist (HTTP 404, exit code 67 or 70 of rabbitmqctl)
 * - `invalid`: the request makes no sense (HTTP 400, exit code 65)
 * - `limit`: there are as many as there may be (HTTP 400)
 */
export type AdministrationErrorKind = 'not-found' | 'invalid' | 'limit';

/** Something that cannot be administered so. The message says why, never a password. */
export class AdministrationError extends Error {
  override readonly name = 'AdministrationError';
  readonly kind: AdministrationErrorKind;

  constructor(kind: AdministrationErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
