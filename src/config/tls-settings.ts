import { alternativeNameTypes, loginSources } from '../access/certificate-name.ts';
import { mechanismNames } from '../access/mechanisms/registry.ts';
import type { TlsListenerOptions } from '../options.ts';
import { tlsVersions } from '../tls/options.ts';
import { ConfigError } from './error.ts';
import type { Chapter, SettingReader } from './setting.ts';
import { certificateFiles, flag, integer, list, oneOf, path, port, text } from './value.ts';

/** One of the two listeners that can speak TLS. */
interface TlsListener {
  /** How its flags begin. */
  readonly flag: string;
  /** How its keys in the file begin. */
  readonly key: string;
  readonly portKeys: readonly string[];
  readonly hostKey: string;
  readonly defaultPort: number;
  /** Whom it is for. */
  readonly what: string;
  readonly chapter: Chapter;
}

export const amqpTls: TlsListener = {
  flag: 'tls',
  key: 'ssl_options',
  portKeys: ['listeners.ssl.default', 'listeners.ssl.1'],
  hostKey: 'listeners.ssl.host',
  defaultPort: 5671,
  what: 'AMQP clients',
  chapter: 'TLS',
};

export const managementTls: TlsListener = {
  flag: 'management-tls',
  key: 'management.ssl',
  portKeys: ['management.ssl.port'],
  hostKey: 'management.ssl.ip',
  defaultPort: 15_671,
  what: 'the HTTP API',
  chapter: 'Management',
};

/**
 * TLS of one listener, if it is asked for, under the keys of rabbitmq.conf (RabbitMQ page "TLS Support").
 *
 * @throws ConfigError for a port without a certificate
 */
export function readTlsSettings(read: SettingReader, listener: TlsListener): TlsListenerOptions | undefined {
  const { certFile, ...rest } = readEach(read, listener);
  if (certFile !== undefined) return { ...rest, certFile };
  if (rest.port === undefined) return undefined;
  const [portKey] = listener.portKeys;
  throw new ConfigError(
    `${portKey} (--${listener.flag}-port) needs a certificate: set ${listener.key}.certfile`,
  );
}

function readEach(read: SettingReader, listener: TlsListener) {
  const { key, chapter, what } = listener;
  const common = (name: string, ...keys: readonly string[]) => ({
    flag: `${listener.flag}-${name}`,
    fileKeys: keys.map((last) => `${key}.${last}`),
    chapter,
  });
  return {
    port: read({
      ...common('port'),
      fileKeys: listener.portKeys,
      type: port,
      defaultValue: undefined,
      defaultText: `${listener.defaultPort} if there is a certificate`,
      doc: `TCP port for ${what} over TLS.`,
    }),
    host: read({
      ...common('host'),
      fileKeys: [listener.hostKey],
      type: text,
      defaultValue: undefined,
      defaultText: 'as without TLS',
      doc: 'Address to listen on for TLS.',
    }),
    certFile: read({
      ...common('cert', 'certfile'),
      type: path,
      defaultValue: undefined,
      defaultText: 'none, and no TLS',
      doc: `Certificate for ${what}, with those between it and its authority (PEM). Read again when the file changes, and on SIGHUP.`,
    }),
    keyFile: read({
      ...common('key', 'keyfile'),
      type: path,
      defaultValue: undefined,
      defaultText: 'the file of the certificate',
      doc: 'Its private key (PEM).',
    }),
    passphrase: read({
      ...common('password', 'password'),
      type: text,
      defaultValue: undefined,
      defaultText: 'none',
      doc: 'Opens the private keys, if they are encrypted.',
      secret: true,
    }),
    sniCertificates: read({
      ...common('sni-certs', 'sni_certfiles.N'),
      type: list(certificateFiles),
      defaultValue: undefined,
      defaultText: 'none',
      doc: 'More certificates, for clients that ask for a server of a name in one of them.',
    }),
    caFile: read({
      ...common('ca', 'cacertfile'),
      type: path,
      defaultValue: undefined,
      defaultText: 'the authorities Node.js knows',
      doc: 'Certificates of the authorities that certificates of clients have to be signed by (PEM).',
    }),
    crlFile: read({
      ...common('crl', 'crlfile'),
      type: path,
      defaultValue: undefined,
      defaultText: 'none',
      doc: 'Revocation lists of these authorities (PEM).',
    }),
    verify: read({
      ...common('verify', 'verify'),
      type: oneOf(['verify_none', 'verify_peer']),
      defaultValue: 'verify_none',
      defaultText: 'verify_none',
      doc: 'verify_peer asks clients for a certificate, and refuses one that does not hold.',
    }),
    failIfNoPeerCert: read({
      ...common('fail-if-no-peer-cert', 'fail_if_no_peer_cert'),
      type: flag,
      defaultValue: false,
      defaultText: 'false',
      doc: 'With verify_peer: refuses clients without a certificate.',
    }),
    depth: read({
      ...common('depth', 'depth'),
      type: integer(0, 100),
      defaultValue: undefined,
      defaultText: 'as many as OpenSSL takes',
      doc: "Most certificates between a client's and the one at the root; 0 means that the root has signed it.",
    }),
    versions: read({
      ...common('versions', 'versions.N'),
      type: list(oneOf(tlsVersions)),
      defaultValue: undefined,
      defaultText: 'tlsv1.3,tlsv1.2',
      doc: 'Versions of TLS that are spoken. Those before 1.2 need ciphers with @SECLEVEL=0 too.',
    }),
    ciphers: read({
      ...common('ciphers', 'ciphers.N'),
      type: list(text),
      defaultValue: undefined,
      defaultText: "OpenSSL's",
      doc: "Ciphers, the best first, in OpenSSL's notation.",
    }),
    honorCipherOrder: read({
      ...common('honor-cipher-order', 'honor_cipher_order'),
      type: flag,
      defaultValue: true,
      defaultText: 'true',
      doc: "The broker's order of ciphers counts rather than the client's.",
    }),
  };
}

/** How clients prove who they are. */
export function readLoginSettings(read: SettingReader) {
  const chapter: Chapter = 'Access';
  return {
    mechanisms: read({
      flag: 'auth-mechanisms',
      fileKeys: ['auth_mechanisms.N'],
      type: list(oneOf(mechanismNames)),
      defaultValue: undefined,
      defaultText: 'PLAIN,AMQPLAIN',
      doc: 'SASL mechanisms on offer. EXTERNAL logs in by client certificate.',
      chapter,
    }),
    from: read({
      flag: 'ssl-cert-login-from',
      fileKeys: ['ssl_cert_login_from'],
      type: oneOf(loginSources),
      defaultValue: 'distinguished_name',
      defaultText: 'distinguished_name',
      doc: 'Where EXTERNAL finds the user name in a certificate.',
      chapter,
    }),
    alternativeNameType: read({
      flag: 'ssl-cert-login-san-type',
      fileKeys: ['ssl_cert_login_san_type'],
      type: oneOf(alternativeNameTypes),
      defaultValue: 'dns',
      defaultText: 'dns',
      doc: 'Among which subject alternative names it looks.',
      chapter,
    }),
    alternativeNameIndex: read({
      flag: 'ssl-cert-login-san-index',
      fileKeys: ['ssl_cert_login_san_index'],
      type: integer(0, 1000),
      defaultValue: 0,
      defaultText: '0',
      doc: 'Which of these it takes; 0 is the first.',
      chapter,
    }),
  };
}
