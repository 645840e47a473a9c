import type { X509Certificate } from 'node:crypto';

/** Where in a client's certificate its user name stands (rabbitmq.conf: `ssl_cert_login_from`). */
export const loginSources = ['distinguished_name', 'common_name', 'subject_alternative_name'] as const;
export type LoginSource = (typeof loginSources)[number];

/** Kinds of alternative names (`ssl_cert_login_san_type`). */
export const alternativeNameTypes = ['dns', 'email', 'uri', 'ip'] as const;
export type AlternativeNameType = (typeof alternativeNameTypes)[number];

/** Which part of a client certificate is the name of its user. */
export interface CertificateLogin {
  /** Default: the distinguished name. */
  readonly from?: LoginSource;
  /** Of the alternative names: which kind (default `dns`), and the how manieth of these, from 0 (default 0). */
  readonly alternativeNameType?: AlternativeNameType;
  readonly alternativeNameIndex?: number;
}

/** The user name in a certificate, written as RabbitMQ writes it; `undefined` when there is none. */
export function certificateName(certificate: X509Certificate, login: CertificateLogin): string | undefined {
  switch (login.from) {
    case 'common_name':
      return commonName(certificate);
    case 'subject_alternative_name':
      return alternativeNames(certificate, login.alternativeNameType ?? 'dns')[
        login.alternativeNameIndex ?? 0
      ];
    default:
      return distinguishedName(certificate.subject) || undefined;
  }
}

interface Attribute {
  readonly type: string;
  readonly value: string;
}

/** Attributes that OpenSSL and RabbitMQ call differently. RabbitMQ has numbers for most. */
const attributeTypes: ReadonlyMap<string, string> = new Map([
  ['GN', 'GIVENNAME'],
  ['street', '2.5.4.9'],
  ['description', '2.5.4.13'],
  ['businessCategory', '2.5.4.15'],
  ['postalCode', '2.5.4.17'],
  ['name', '2.5.4.41'],
  ['dnQualifier', '2.5.4.46'],
  ['organizationIdentifier', '2.5.4.97'],
]);

/**
 * A subject or an issuer, as Node.js writes it, in RabbitMQ's way: from the most special part to the most general
 * (RFC 4514), as in `CN=ann,O=Leveret`.
 */
export function distinguishedName(name: string): string {
  const parts = partsOf(name).map((attributes) =>
    attributes
      .map(({ type, value }) => `${attributeTypes.get(type) ?? type.toUpperCase()}=${escaped(value)}`)
      .join('+'),
  );
  return parts.reverse().join(',');
}

function commonName(certificate: X509Certificate): string | undefined {
  const names = partsOf(certificate.subject)
    .flat()
    .filter(({ type }) => type === 'CN');
  return names.length === 0 ? undefined : names.map(({ value }) => value).join(',');
}

/** Node.js writes a part a line, its attributes with ` + ` between, and values with RFC 4514's escapes. */
function partsOf(name: string): Attribute[][] {
  // A certificate without a subject has none here either, whatever the types say.
  if (!name) return [];
  return name.split('\n').map((line) =>
    line.split(' + ').map((attribute) => {
      const separator = attribute.indexOf('=');
      return { type: attribute.slice(0, separator), value: unescaped(attribute.slice(separator + 1)) };
    }),
  );
}

function unescaped(value: string): string {
  return value.replace(/\\([0-9A-F]{2}|.)/gs, (_all, written: string) =>
    written.length === 2 ? String.fromCharCode(Number.parseInt(written, 16)) : written,
  );
}

/** As RabbitMQ does: what is not printable ASCII is written as the octets of its UTF-8. */
function escaped(value: string): string {
  return value
    .replace(/[",+;<>\\]|^[ #]| $/g, '\\$&')
    .replace(/[^ -}]/gu, (character) =>
      [...Buffer.from(character)]
        .map((octet) => `\\${octet.toString(16).toUpperCase().padStart(2, '0')}`)
        .join(''),
    );
}

const alternativeNamePrefixes: Readonly<Record<AlternativeNameType, string>> = {
  dns: 'DNS',
  email: 'email',
  uri: 'URI',
  ip: 'IP Address',
};

/** Node.js writes `DNS:a.example, DNS:"with, comma"`, the latter as JSON. */
function alternativeNames({ subjectAltName }: X509Certificate, type: AlternativeNameType): string[] {
  const names = (subjectAltName ?? '').matchAll(/(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)/g);
  return [...names].flatMap(([, prefix, value = '']) =>
    prefix === alternativeNamePrefixes[type]
      ? [value.startsWith('"') ? String(JSON.parse(value)) : value]
      : [],
  );
}
