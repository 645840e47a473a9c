import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';

/** What OpenSSL calls the failures that operators meet, in words that say what to look at. */
const explanations: ReadonlyMap<unknown, string> = new Map([
  ['ERR_SSL_HTTP_REQUEST', 'the client speaks HTTP, on a port for TLS'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'the client does not speak TLS (plain AMQP on the port for TLS?)'],
  ['ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', 'the client has no certificate'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'the client speaks no version of TLS that is allowed'],
  ['ERR_SSL_NO_SHARED_CIPHER', 'the client knows no cipher that is allowed'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'the client does not trust our certificate'],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'the client does not accept our certificate'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', 'the client does not accept our certificate'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'the client says that our certificate has expired'],
  ['ECONNRESET', 'the client closed the connection'],
]);

/** Why a handshake did not come to its end (the server's `tlsClientError`): one line for the log. */
export function describeTlsFailure(error: Error, socket: TLSSocket): string {
  // Set when the certificate is what Node.js ended the connection for.
  if (socket.authorizationError !== null) return refusal(socket);
  return explanations.get('code' in error ? error.code : undefined) ?? error.message;
}

/**
 * Why the certificate that the client has presented does not hold. None, or a good one: `undefined`. `depth`: most
 * certificates between it and the one at the root.
 */
export function certificateRefusal(socket: TLSSocket, depth?: number): string | undefined {
  if (!socket.authorized) return socket.getPeerX509Certificate() === undefined ? undefined : refusal(socket);
  const between = depth === undefined ? 0 : intermediates(socket.getPeerCertificate(true));
  if (depth === undefined || between <= depth) return undefined;
  return `the client's certificate is refused: there are ${between} between it and the root (depth = ${depth})`;
}

/** Certificates between this one and the root that it leads to, which is its own issuer. */
function intermediates(leaf: DetailedPeerCertificate): number {
  let count = 0;
  for (let at = leaf; at.issuerCertificate !== undefined && at.issuerCertificate !== at; count++) {
    at = at.issuerCertificate;
  }
  return Math.max(0, count - 1);
}

/** An Error in the types, one of OpenSSL's codes in truth. */
function refusal({ authorizationError }: TLSSocket): string {
  return `the client's certificate is refused: ${authorizationError}`;
}
