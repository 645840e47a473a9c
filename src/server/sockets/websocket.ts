import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { endsOf, readChunks, type Transport, tlsPeer } from './transport.ts';

/** Who may connect by WebSocket, and what becomes of those who do. */
export interface WebSocketOptions {
  /**
   * Origins of web pages that may connect, such as `https://app.example.org`; `*` stands for all. Pages from the
   * server itself, and clients that are no browsers and send no origin, always may.
   */
  readonly allowedOrigins: readonly string[];
  /** A client has opened its WebSocket. */
  readonly enter: (transport: Transport) => void;
}

/** A message is collected before it is handed on; clients send a few frames in one. */
const messageBytesMax = 1024 * 1024;
/** A client that sends messages of this size has more to come. */
const busyMessageBytes = 16 * 1024;
/** What clients call the protocol in WebSockets, if they call it anything. */
const subprotocol = 'amqp';
/** What a message with too much in it, or with text, is answered with (RFC 6455, section 7.4.1). */
const unsupportedData = 1003;

/**
 * AMQP over WebSocket, for browsers: AMQP's bytes in binary messages, cut anywhere, at `/ws/amqp` of an HTTP server
 * (and at `/`, `/ws` and below it, which clients of LavinMQ and of the relays before RabbitMQ use).
 */
export function serveWebSockets(server: Server, { allowedOrigins, enter }: WebSocketOptions): void {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: messageBytesMax,
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
  });
  server.on('upgrade', (request, socket, head) => {
    const status = refusal(request, allowedOrigins);
    if (status === undefined) {
      sockets.handleUpgrade(request, socket, head, (webSocket) =>
        enter(webSocketTransport(webSocket, request.socket)),
      );
    } else {
      socket.on('error', () => {});
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    }
  });
}

/** The status a request is refused with. */
function refusal({ url, headers }: IncomingMessage, allowedOrigins: readonly string[]): string | undefined {
  if (!/^\/(ws(\/[^?]*)?)?(\?|$)/.test(url ?? '')) return '404 Not Found';
  const { origin, host } = headers;
  // Guest may log in from this machine, where the browser is that shows somebody else's page.
  const isAllowed =
    origin === undefined ||
    hostOf(origin) === host ||
    allowedOrigins.some((allowed) => allowed === '*' || allowed === origin);
  return isAllowed ? undefined : '403 Forbidden';
}

function hostOf(origin: string): string | undefined {
  return /^https?:\/\/(.+)$/.exec(origin)?.[1];
}

function webSocketTransport(webSocket: WebSocket, socket: Socket): Transport {
  const stream = new WebSocketStream(webSocket);
  return {
    stream,
    ends: endsOf(socket),
    tls: socket instanceof TLSSocket ? tlsPeer(socket) : undefined,
    read: (reader) => readChunks(stream, busyMessageBytes, reader),
    reset: () => webSocket.terminate(),
  };
}

/** The bytes in the messages of a WebSocket. */
class WebSocketStream extends Duplex {
  readonly #webSocket: WebSocket;
  bytesRead = 0;
  bytesWritten = 0;

  constructor(webSocket: WebSocket) {
    super();
    this.#webSocket = webSocket;
    webSocket.on('message', (data, isBinary) => this.#received(data, isBinary));
    webSocket.on('error', (error) => this.destroy(error));
    webSocket.on('close', () => this.destroy());
  }

  #received(data: RawData, isBinary: boolean): void {
    if (this.destroyed) return;
    if (!isBinary || !Buffer.isBuffer(data)) {
      this.#webSocket.close(unsupportedData, 'AMQP comes in binary messages');
      return;
    }
    this.bytesRead += data.length;
    if (!this.push(data)) this.#webSocket.pause();
  }

  override _read(): void {
    this.#webSocket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, written: (error?: Error | null) => void): void {
    this.bytesWritten += chunk.length;
    this.#webSocket.send(chunk, { binary: true }, written);
  }

  override _final(done: () => void): void {
    this.#webSocket.close();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#webSocket.terminate();
    done(error);
  }
}
