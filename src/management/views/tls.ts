import { distinguishedName } from '../../access/certificate-name.ts';
import type { ClientTls } from '../clients.ts';
import type { Json } from '../http/columns.ts';

/** TLS of a connection, in RabbitMQ's words. */
export function tlsView(tls: ClientTls | undefined): Json {
  const certificate = tls?.certificate;
  return {
    ssl: tls !== undefined,
    ssl_protocol: tls?.version.toLowerCase() ?? null,
    ...cipherParts(tls?.cipher),
    peer_cert_issuer: certificate === undefined ? null : distinguishedName(certificate.issuer),
    peer_cert_subject: certificate === undefined ? null : distinguishedName(certificate.subject),
    peer_cert_validity:
      certificate === undefined ? null : `${time(certificate.validFrom)} - ${time(certificate.validTo)}`,
  };
}

/** The parts of `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`. TLS 1.3 leaves the exchange of keys out, and RabbitMQ has `any`. */
function cipherParts(suite: string | undefined): Json {
  const [, exchange = 'any', cipher, hash] =
    /^TLS_(?:(\w+)_WITH_)?(\w+?)_(SHA\d*|MD5)$/.exec(suite ?? '') ?? [];
  if (cipher === undefined || hash === undefined) {
    return { ssl_key_exchange: null, ssl_cipher: suite ?? null, ssl_hash: null };
  }
  return {
    ssl_key_exchange: exchange.toLowerCase(),
    ssl_cipher: cipher.toLowerCase(),
    // Such a cipher is its own hash.
    ssl_hash: /GCM|CCM|POLY1305/.test(cipher) ? 'aead' : hash.toLowerCase(),
  };
}

/** `2026-12-21T09:52:04Z` */
function time(written: string): string {
  return new Date(written).toISOString().replace('.000', '');
}
