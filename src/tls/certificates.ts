import { constants, X509Certificate } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import {
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type SecureVersion,
  type Server,
  type TlsOptions as ServerOptions,
} from 'node:tls';
import type { Logger } from '../logger.ts';
import { type CertificateFiles, type TlsOptions, type TlsVersion, tlsVersions } from './options.ts';
import { TlsError } from './tls-error.ts';

/** How often files are looked at. Looking, rather than being told of changes, works for mounted secrets too. */
const watchIntervalMs = 2_000;
/** A certificate and its key are replaced one after the other: time for both. */
const settleMs = 500;
const expiresSoonMs = 14 * 24 * 3_600_000;

/** What the files say, when all of it can be used. */
interface Loaded {
  readonly contextOptions: SecureContextOptions;
  readonly leaf: X509Certificate;
  /** Those for clients that name the server they want. */
  readonly named: readonly { readonly leaf: X509Certificate; readonly context: SecureContext }[];
}

/**
 * The certificates of a listener. When their files change, or on {@link reload}, new connections get the new
 * ones; files that cannot be used change nothing.
 */
export class Certificates {
  readonly #options: TlsOptions;
  readonly #log: Logger;
  readonly #servers: Server[] = [];
  readonly #files: readonly string[];
  #loaded: Loaded;
  #settling: NodeJS.Timeout | undefined;

  /** @throws TlsError naming what cannot be used */
  constructor(options: TlsOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#loaded = load(options);
    this.#files = filesOf(options);
    for (const file of this.#files) {
      watchFile(file, { interval: watchIntervalMs, persistent: false }, this.#changed);
    }
    this.#warnOfExpiry();
  }

  /** For a server that will be kept up to date by {@link attach}. */
  get serverOptions(): ServerOptions {
    const { verify, failIfNoPeerCert, honorCipherOrder } = this.#options;
    const asks = verify === 'verify_peer';
    return {
      ...this.#loaded.contextOptions,
      honorCipherOrder: honorCipherOrder ?? true,
      requestCert: asks,
      rejectUnauthorized: asks && failIfNoPeerCert === true,
      SNICallback: (serverName, done) => done(null, this.#contextFor(serverName)),
    };
  }

  /** Most certificates between a client's and the root. */
  get depth(): number | undefined {
    return this.#options.depth;
  }

  attach(server: Server): void {
    this.#servers.push(server);
  }

  #contextFor(serverName: string): SecureContext | undefined {
    return this.#loaded.named.find(({ leaf }) => leaf.checkHost(serverName) !== undefined)?.context;
  }

  readonly #changed = (): void => {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.reload(), settleMs).unref();
  };

  /** Reads all files again. If one cannot be used the log says why, and everything stays as it is. */
  reload(): void {
    clearTimeout(this.#settling);
    const fields = { certFile: this.#options.certFile };
    try {
      this.#loaded = load(this.#options);
    } catch (error) {
      if (!(error instanceof TlsError)) throw error;
      this.#log.error(fields, `keeping the certificates in use: ${error.message}`);
      return;
    }
    for (const server of this.#servers) server.setSecureContext(this.#loaded.contextOptions);
    this.#log.info(fields, `read the certificates again: ${description(this.#loaded.leaf)}`);
    this.#warnOfExpiry();
  }

  /** When the first of them runs out, in milliseconds since the epoch. */
  get expiresAt(): number {
    return Math.min(...this.#leaves.map(({ validTo }) => Date.parse(validTo)));
  }

  get #leaves(): readonly X509Certificate[] {
    return [this.#loaded.leaf, ...this.#loaded.named.map(({ leaf }) => leaf)];
  }

  #warnOfExpiry(): void {
    for (const leaf of this.#leaves) {
      const leftMs = Date.parse(leaf.validTo) - Date.now();
      if (leftMs > expiresSoonMs) continue;
      const verb = leftMs < 0 ? 'has expired' : 'is about to expire';
      this.#log.warn({ validTo: leaf.validTo }, `the certificate ${verb}: ${description(leaf)}`);
    }
  }

  /** Stops looking at the files. */
  close(): void {
    clearTimeout(this.#settling);
    for (const file of this.#files) unwatchFile(file, this.#changed);
  }
}

/** Whether files can be used, without using them. @throws TlsError naming what cannot */
export function checkCertificates(options: TlsOptions): void {
  load(options);
}

function load(options: TlsOptions): Loaded {
  const { caFile, crlFile, depth, passphrase, versions, ciphers } = options;
  const authorities = caFile === undefined ? undefined : read(caFile);
  if (caFile !== undefined && authorities !== undefined) certificate(caFile, authorities);
  const common: SecureContextOptions = {
    ...(authorities !== undefined && { ca: authorities }),
    ...(crlFile !== undefined && { crl: read(crlFile) }),
    // Who takes up a former session shows no chain of certificates.
    ...(depth !== undefined && { secureOptions: constants.SSL_OP_NO_TICKET }),
    ...(passphrase !== undefined && { passphrase }),
    ...(ciphers !== undefined && { ciphers: ciphers.join(':') }),
    ...versionRange(versions ?? ['tlsv1.2', 'tlsv1.3']),
  };
  const named = (options.sniCertificates ?? []).map((files) => loadPair(files, common));
  return { ...loadPair(options, common), named };
}

function loadPair({ certFile, keyFile = certFile }: CertificateFiles, common: SecureContextOptions) {
  const cert = read(certFile);
  const leaf = certificate(certFile, cert);
  const contextOptions = { ...common, cert, key: read(keyFile) };
  try {
    return { leaf, contextOptions, context: createSecureContext(contextOptions) };
  } catch (error) {
    throw new TlsError(
      `the certificate in ${certFile} and the key in ${keyFile} cannot be used: ${reason(error)}`,
    );
  }
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new TlsError(`cannot read ${file}: ${reason(error)}`);
  }
}

/** The first one in a file. */
function certificate(file: string, content: Buffer): X509Certificate {
  try {
    return new X509Certificate(content);
  } catch (error) {
    throw new TlsError(`there is no certificate in ${file}: ${reason(error)}`);
  }
}

/** OpenSSL's errors have the words in the end: `error:05800074:x509 certificate routines::key values mismatch`. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /^error:.*:([^:]+)$/.exec(message)?.[1] ?? message;
}

const opensslVersions: Readonly<Record<TlsVersion, SecureVersion>> = {
  'tlsv1.3': 'TLSv1.3',
  'tlsv1.2': 'TLSv1.2',
  'tlsv1.1': 'TLSv1.1',
  tlsv1: 'TLSv1',
};

/** OpenSSL takes a range. */
function versionRange(wanted: readonly TlsVersion[]): SecureContextOptions {
  const ascending = tlsVersions.filter((version) => wanted.includes(version)).reverse();
  const [lowest] = ascending;
  const highest = ascending.at(-1);
  if (lowest === undefined || highest === undefined)
    throw new TlsError('there is no version of TLS to speak');
  return { minVersion: opensslVersions[lowest], maxVersion: opensslVersions[highest] };
}

function filesOf(options: TlsOptions): readonly string[] {
  const pairs = [options, ...(options.sniCertificates ?? [])];
  const all = pairs.flatMap(({ certFile, keyFile }) => [certFile, keyFile]);
  const files = [...all, options.caFile, options.crlFile].filter((file) => file !== undefined);
  return [...new Set(files)];
}

/** Subjects have a line for each part. */
function description({ subject, validTo }: X509Certificate): string {
  return `${subject.replaceAll('\n', ', ')}, valid to ${validTo}`;
}
