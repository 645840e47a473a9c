/** What a client claims to be, as its SASL mechanism conveys it. Never logged as a whole. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/**
 * A SASL mechanism (AMQP 0-9-1, connection.start-ok). Ours get all they need from the initial response,
 * so that connection.secure is never sent.
 */
export interface Mechanism {
  readonly name: string;
  /** @throws AuthenticationFailure when the response is malformed */
  credentials(response: Buffer): Credentials;
}
