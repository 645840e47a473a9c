import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../../broker/clock.ts';
import type { Certificates } from '../../tls/certificates.ts';
import { certificateRefusal, describeTlsFailure } from '../../tls/failure.ts';
import { ProxyHeaderError, readProxyHeader } from './proxy-protocol.ts';
import { type Ends, endsOf, type LocalEnd, type Transport, tcpTransport, tlsTransport } from './transport.ts';

/** What a client has to get through, and where it then is. */
export interface DoorwayOptions {
  /** Clients speak TLS, with these. */
  readonly certificates: Certificates | undefined;
  /** Before anything else a proxy says who the client is. */
  readonly proxyProtocol: boolean;
  /** Whoever takes longer is turned away. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** A client is through. */
  readonly enter: (transport: Transport) => void;
  /** A client did not get through. */
  readonly turnedAway: (visit: Visit) => void;
}

/** The visit of a client that did not get through. */
export interface Visit {
  readonly ends: Ends;
  /** Why it had to go. */
  readonly reason: string;
  readonly bytesReceived: number;
  readonly durationMs: number;
}

/**
 * What a TCP connection goes through before AMQP: the proxy's header, then the TLS handshake. Whoever does not get
 * through in time is dropped.
 */
export class Doorway {
  /** Known where there is one only: to ask the kernel for it takes 4 us for each client. */
  local: LocalEnd | undefined;
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

  /** Who was reset before being accepted has no address, and would be refused a login for that: it is let go, unheard. */
  accept(socket: Socket): void {
    const { proxyProtocol, enter } = this.#options;
    if (socket.remoteAddress === undefined) {
      socket.on('error', () => {}).destroy();
    } else if (proxyProtocol || this.#tlsServer !== undefined) {
      const visitor = new Visitor(socket, this.#options, this.#tlsServer, () =>
        this.#visitors.delete(socket),
      );
      this.#visitors.set(socket, visitor);
      visitor.start();
    } else {
      enter(tcpTransport(socket, endsOf(socket, this.local)));
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
  readonly #arrivedAt: number;
  #ends: Ends;
  /** What has come of the proxy's header. */
  #header: Buffer = Buffer.alloc(0);
  #isDone = false;

  constructor(socket: Socket, options: DoorwayOptions, tlsServer: Server | undefined, gone: () => void) {
    this.#socket = socket;
    this.#options = options;
    this.#tlsServer = tlsServer;
    this.#gone = gone;
    this.#ends = endsOf(socket);
    this.#arrivedAt = options.clock.now();
    this.#deadline = options.clock.setTimer(options.timeoutMs, () => this.refuse('handshake timeout'));
    socket.on('error', this.#failed);
    socket.on('close', this.#closed);
  }

  start(): void {
    if (this.#options.proxyProtocol) this.#socket.on('readable', this.#readHeader);
    else this.#next();
  }

  readonly #readHeader = (): void => {
    const chunk: Buffer | null = this.#socket.read();
    if (chunk === null) return;
    const bytes = this.#header.length === 0 ? chunk : Buffer.concat([this.#header, chunk]);
    try {
      const header = readProxyHeader(bytes);
      this.#header = bytes;
      if (header === undefined) return;
      this.#ends = header.ends ?? this.#ends;
      this.#socket.off('readable', this.#readHeader);
      if (bytes.length > header.length) this.#socket.unshift(bytes.subarray(header.length));
    } catch (error) {
      if (!(error instanceof ProxyHeaderError)) throw error;
      this.refuse(`bad PROXY protocol header: ${error.message}`);
      return;
    }
    this.#next();
  };

  #next(): void {
    if (this.#tlsServer === undefined) this.#enter(tcpTransport(this.#socket, this.#ends));
    else this.#tlsServer.emit('connection', this.#socket);
  }

  /** The TLS handshake has come to its end; what the client's certificate is worth is another question. */
  secured(socket: TLSSocket): void {
    const refusal = certificateRefusal(socket, this.#options.certificates?.depth);
    if (refusal === undefined) this.#enter(tlsTransport(socket, this.#socket, this.#ends));
    else this.refuse(refusal);
  }

  #enter(transport: Transport): void {
    if (this.#isDone) return;
    this.#leave();
    this.#options.enter(transport);
  }

  refuse(reason: string): void {
    if (this.#isDone) return;
    this.#leave();
    const { clock, turnedAway } = this.#options;
    const bytesReceived = this.#socket.bytesRead;
    turnedAway({ ends: this.#ends, reason, bytesReceived, durationMs: clock.now() - this.#arrivedAt });
    this.drop();
  }

  drop(): void {
    // Whatever goes wrong from here on is nobody's business.
    this.#socket.on('error', () => {});
    this.#socket.destroy();
  }

  #leave(): void {
    this.#isDone = true;
    this.#deadline.cancel();
    this.#socket.off('error', this.#failed);
    // Under a TLS socket it is nobody's any more, and must not end the process.
    if (this.#tlsServer !== undefined) this.#socket.on('error', () => {});
    this.#socket.off('close', this.#closed);
    this.#gone();
  }

  readonly #failed = (error: Error): void =>
    this.refuse(`client unexpectedly closed TCP connection (${error.message})`);

  /** A TLS server tells of it only after this, and knows more. */
  readonly #closed = (): void => {
    setImmediate(() => this.refuse('client unexpectedly closed TCP connection'));
  };
}
