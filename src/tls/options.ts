/** Versions of TLS as rabbitmq.conf writes them. Those before 1.2 need ciphers with `@SECLEVEL=0` too. */
export const tlsVersions = ['tlsv1.3', 'tlsv1.2', 'tlsv1.1', 'tlsv1'] as const;
export type TlsVersion = (typeof tlsVersions)[number];

/** A certificate, with those that lead from it to an authority, and its key; PEM files. */
export interface CertificateFiles {
  readonly certFile: string;
  /** Default: the key is in `certFile`. */
  readonly keyFile?: string | undefined;
}

/** TLS of one listener (RabbitMQ page "TLS Support"). All files are read again when they change. */
export interface TlsOptions extends CertificateFiles {
  /** Certificates of the authorities that sign those of clients. Default: those Node.js knows. */
  readonly caFile?: string | undefined;
  /** Certificates that have been taken back: revocation lists of the authorities in `caFile`. */
  readonly crlFile?: string | undefined;
  /** Opens the keys, if they are encrypted. */
  readonly passphrase?: string | undefined;
  /** `verify_peer`: clients are asked for a certificate, and one that does not hold is refused. Default `verify_none`. */
  readonly verify?: 'verify_none' | 'verify_peer' | undefined;
  /** With `verify_peer`: a client without a certificate is refused. Default: it is not. */
  readonly failIfNoPeerCert?: boolean | undefined;
  /**
   * Most certificates between a client's and that of the authority at the root; one more and it is refused. 0: the
   * root itself signs those of clients. Default: as many as OpenSSL takes.
   */
  readonly depth?: number | undefined;
  /** Default: 1.2 and 1.3. */
  readonly versions?: readonly TlsVersion[] | undefined;
  /** In OpenSSL's notation, the best first. Default: OpenSSL's. */
  readonly ciphers?: readonly string[] | undefined;
  /** The broker's order of ciphers counts, not the client's. Default true. */
  readonly honorCipherOrder?: boolean | undefined;
  /** For clients that ask for a server of a name in one of these (server name indication). */
  readonly sniCertificates?: readonly CertificateFiles[] | undefined;
}
