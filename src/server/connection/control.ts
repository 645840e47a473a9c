import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { FrameType, methodIdBytes } from '../../protocol/frame-reader.ts';
import { decodeMethod, type Method, MethodId, type ServerMethod } from '../../protocol/methods.ts';
import { payloadSnippet } from '../../protocol/octets.ts';
import type { ClientCapabilities } from '../handshake/client-properties.ts';
import type { Lifetime } from './lifetime.ts';

/** The connection whose channel 0 it is. */
export interface ControlHost {
  /** Known once the connection is open. */
  readonly clientCapabilities: ClientCapabilities;
  /** Sends a method on channel 0. */
  send(method: ServerMethod): void;
  /** A method that belongs to the handshake. */
  handshakeMethod(method: Method): void;
  /** The client has said connection.close. */
  closedByClient(): void;
  /** connection.update-secret */
  renewSecret(secret: string): void;
  failed(error: unknown): void;
}

/** What is said on channel 0, in whichever phase the connection is; and any method where channels are not open yet or any more. */
export class Control {
  readonly #host: ControlHost;
  readonly #lifetime: Lifetime;

  constructor(host: ControlHost, lifetime: Lifetime) {
    this.#host = host;
    this.#lifetime = lifetime;
  }

  /** Arguments of the method in buffer[start,end). @throws AmqpError 504 */
  method(number: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (this.#lifetime.isRunning) this.#methodWhileRunning(id, buffer, start, end);
    else this.#methodOutsideRunning(number, id, buffer, start, end);
  }

  #methodOutsideRunning(number: number, id: number, buffer: Buffer, start: number, end: number): void {
    const { phase } = this.#lifetime;
    if (phase === 'ended') return;
    if (id === MethodId.ConnectionClose && number === 0) {
      this.#host.send({ id: MethodId.ConnectionCloseOk });
      if (phase === 'handshake') this.#lifetime.endSocket();
    } else if (phase === 'closing') {
      if (id === MethodId.ConnectionCloseOk && number === 0) this.#lifetime.endSocket();
    } else if (number === 0) {
      this.#host.handshakeMethod(decodeMethod(id, buffer, start, end));
    } else {
      const text = `type ${FrameType.Method}, ${payloadSnippet(buffer, start - methodIdBytes, end)}`;
      this.#host.failed(new AmqpError(ReplyCode.UnexpectedFrame, text));
    }
  }

  #methodWhileRunning(id: number, buffer: Buffer, start: number, end: number): void {
    switch (id) {
      case MethodId.ConnectionClose:
        this.#host.closedByClient();
        return;
      case MethodId.ConnectionUpdateSecret: {
        const method = decodeMethod(id, buffer, start, end);
        if (method.id === id) this.#host.renewSecret(method.newSecret.toString());
        return;
      }
      default:
        throw new AmqpError(ReplyCode.ChannelError, 'unexpected method in connection state running');
    }
  }

  /** An alarm keeps the broker from reading on; clients that want to know are told. */
  blocked(reason: string): void {
    const { clientCapabilities } = this.#host;
    if (clientCapabilities.connectionBlocked) this.#host.send({ id: MethodId.ConnectionBlocked, reason });
  }

  unblocked(): void {
    if (!this.#lifetime.isRunning || !this.#host.clientCapabilities.connectionBlocked) return;
    this.#host.send({ id: MethodId.ConnectionUnblocked });
  }
}
