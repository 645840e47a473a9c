import type { RequestListener, Server } from 'node:http';
import { createServer } from 'node:https';
import type { Logger } from '../logger.ts';
import type { Certificates } from '../tls/certificates.ts';
import { certificateRefusal, describeTlsFailure } from '../tls/failure.ts';

/** Without a byte from the client. */
const handshakeTimeoutMs = 10_000;

/** A server of HTTP over TLS, its certificates kept up to date. */
export function createHttpsServer(certificates: Certificates, handler: RequestListener, log: Logger): Server {
  const server = createServer(
    { ...certificates.serverOptions, handshakeTimeout: handshakeTimeoutMs },
    handler,
  );
  certificates.attach(server);
  // Before the server's own listener, which begins to read requests.
  server.prependListener('secureConnection', (socket) => {
    const reason = certificateRefusal(socket, certificates.depth);
    if (reason === undefined) return;
    log.warn({ address: socket.remoteAddress }, `closing HTTPS connection during handshake: ${reason}`);
    socket.destroy();
  });
  server.on('tlsClientError', (error, socket) => {
    // Probes that only connect are many.
    const reason = describeTlsFailure(error, socket);
    log.debug({ address: socket.remoteAddress }, `closing HTTPS connection during handshake: ${reason}`);
  });
  return server;
}
