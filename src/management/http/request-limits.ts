import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError } from './api-error.ts';

/** Nothing larger is read: definitions come here, and messages. */
export const bodyBytesMax = 64 * 1024 * 1024;

/** What one port of the HTTP API takes. */
export interface ManagementLimits {
  /** Requests that are being answered at the same time; further ones get 503. */
  readonly requests: number;
  /** Clients, those with WebSockets included; further ones are turned away. */
  readonly clients: number;
  /** A client that takes nothing of its answer for so long is let go, in milliseconds. */
  readonly unreadMs: number;
}

/** Limits of a port when nothing is said. */
export const defaultManagementLimits: ManagementLimits = {
  requests: 1_000,
  clients: 50_000,
  unreadMs: 300_000,
};

/** Of the bodies of all these together. One whose length is not said counts as if it were as long as can be. */
const bodiesBytesMax = 8 * bodyBytesMax;

/** Looks at a client that is slow to read, before it is let go. */
const idleLooksMax = 5;

interface OpenRequest {
  readonly bodyBytes: number;
  /** Bytes on their way to the client at the last look. */
  written: number;
  idleLooks: number;
}

/** What all requests on one port may take together, and how long an answer waits for a client that does not read it. */
export class RequestLimits {
  readonly #open = new Map<ServerResponse, OpenRequest>();
  readonly #requestsMax: number;
  readonly #timer: NodeJS.Timeout;
  #bodiesBytes = 0;

  constructor({ requests, unreadMs }: ManagementLimits) {
    this.#requestsMax = requests;
    this.#timer = setInterval(() => this.#look(), unreadMs / idleLooksMax).unref();
  }

  /** Before the body is read. @throws ApiError 503 */
  admit(request: IncomingMessage, response: ServerResponse): void {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    // One that is too long is refused without being read.
    const said = Math.min(Number(length ?? 0), bodyBytesMax);
    const bodyBytes = encoding === undefined ? said : bodyBytesMax;
    if (this.#open.size >= this.#requestsMax) throw busy(`${this.#requestsMax} requests are being answered`);
    if (bodyBytes > 0 && this.#bodiesBytes + bodyBytes > bodiesBytesMax) {
      throw busy(`requests with ${bodiesBytesMax} bytes are being answered`);
    }
    this.#bodiesBytes += bodyBytes;
    this.#open.set(response, { bodyBytes, written: 0, idleLooks: 0 });
    response.once('close', () => {
      this.#open.delete(response);
      this.#bodiesBytes -= bodyBytes;
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const [response, request] of this.#open) {
      const { socket } = response;
      if (socket === null || socket.writableLength === 0 || socket.bytesWritten !== request.written) {
        request.idleLooks = 0;
        request.written = socket?.bytesWritten ?? 0;
      } else if (++request.idleLooks >= idleLooksMax) {
        socket.destroy();
      }
    }
  }
}

function busy(what: string): ApiError {
  return new ApiError(503, 'service_unavailable', `${what} already`, 'Try again when some of them are done.');
}
