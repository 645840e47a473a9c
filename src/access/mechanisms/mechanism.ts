import type { X509Certificate } from 'node:crypto';

/** What a client claims to be, as its SASL mechanism conveys it. Never logged as a whole. */
export interface Credentials {
  readonly username: string;
  /** Absent when nothing is left to be proved. */
  readonly password?: string;
}

/** What TLS knows of a client. */
export interface TlsClient {
  /** Verified; `undefined` when the client has presented none. */
  readonly certificate: X509Certificate | undefined;
}

/**
 * A SASL mechanism (AMQP 0-9-1, connection.start-ok). Ours get all they need from the initial response,
 * so that connection.secure is never sent.
 */
export interface Mechanism {
  readonly name: string;
  /** Whether the mechanism is for such a client; `tls` is `undefined` without TLS. Absent: it is for all. */
  isOffered?(tls?: TlsClient): boolean;
  /** @throws AuthenticationFailure when the response is malformed */
  credentials(response: Buffer, tls?: TlsClient): Credentials;
}
