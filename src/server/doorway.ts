import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../broker/clock.ts';
import type { Logger } from '../logger.ts';
import type { Certificates } from '../tls/certificates.ts';
import { certificateRefusal, describeTlsFailure } from '../tls/failure.ts';
import { ProxyHeaderError, proxyHeaderBytesMax, readProxyHeader } from './proxy-protocol.ts';
import { connectionName, type Ends, endsOf, tcpTransport, tlsTransport, type Transport } from './transport.ts';

export interface DoorwayOptions {
  /** Clients speak TLS, with these. */
  readonly certificates: Certificates | undefined;
  /** Before anything else a proxy says who the client is. */
  readonly proxyProtocol: boolean;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** A client is through. */
  readonly enter: (transport: Transport) => void;
}

/**
 * What a TCP connection goes through before AMQP: the proxy's header, then the TLS handshake. Whoever does not get
 * through in time is dropped, with a line in the log.
 */
export class Doorway {
  readonly #options: DoorwayOptions;
  readonly #visitors = new Map<unknown, Visitor>();
  readonly #tlsServer: Server | undefined;

  constructor(options: DoorwayOptions) {
    this.#options = options;
    if (options.certificates !== undefined) this.#tlsServer = this.#createTlsServer(options.certificates);
  }

  /** It does not listen: sockets are handed to it. */
  #createTlsServer(certificates: Certificates): Server {
    const server = createServer(certificates.serverOptions);
    certificates.attach(server);
    server.on('secureConnection', (socket) => this.#visitors.get(rawSocket(socket))?.secured(socket));
    server.on('tlsClientError', (error, socket) => {
      this.#visitors.get(rawSocket(socket))?.refuse(describeTlsFailure(error, socket));
    });
    return server;
  }

  accept(socket: Socket): void {
    const { proxyProtocol, enter } = this.#options;
    if (proxyProtocol || this.#tlsServer !== undefined) {
      const visitor = new Visitor(socket, this.#options, this.#tlsServer, () => this.#visitors.delete(socket));
      this.#visitors.set(socket, visitor);
      visitor.start();
    } else {
      enter(tcpTransport(socket, endsOf(socket)));
    }
  }

  /** Drops those who are not through yet. */
  close(): void {
    for (const visitor of this.#visitors.values()) visitor.drop();
  }
}

/** The TCP socket under a TLS one: known only by the name it has in Node.js, in all versions. */
function rawSocket(socket: TLSSocket): unknown {
  return Reflect.get(socket, '_parent');
}

/** Somebody in the doorway. */
class Visitor {
  readonly #socket: Socket;
  readonly #options: DoorwayOptions;
  readonly #tlsServer: Server | undefined;
  readonly #gone: () => void;
  readonly #deadline: Timer;
  #ends: Ends;

  constructor(socket: Socket, options: DoorwayOptions, tlsServer: Server | undefined, gone: () => void) {
    this.#socket = socket;
    this.#options = options;
    this.#tlsServer = tlsServer;
    this.#gone = gone;
    this.#ends = endsOf(socket);
    this.#deadline = options.clock.setTimer(options.timeoutMs, () => this.refuse('handshake timeout'));
  }
}
