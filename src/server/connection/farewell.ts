import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { MethodId, type ServerMethod } from '../../protocol/methods.ts';
import type { Output } from '../output/output.ts';
import type { ConnectionLog } from './connection-log.ts';
import type { Holdings } from './holdings.ts';
import type { Lifetime } from './lifetime.ts';

/** The connection that comes to its end. */
export interface FarewellHost {
  /** The client has proved who it is. */
  readonly isAuthenticated: boolean;
  readonly output: Output;
  /** Sends a method on channel 0. */
  send(method: ServerMethod): void;
}

/** What its end is about. */
export interface FarewellParts {
  readonly lifetime: Lifetime;
  readonly holdings: Holdings;
  readonly log: ConnectionLog;
}

/** How a connection ends with words: connection.close from either side, and who is told how much of the reason. */
export class Farewell {
  readonly #host: FarewellHost;
  readonly #lifetime: Lifetime;
  readonly #holdings: Holdings;
  readonly #log: ConnectionLog;

  constructor(host: FarewellHost, { lifetime, holdings, log }: FarewellParts) {
    this.#host = host;
    this.#lifetime = lifetime;
    this.#holdings = holdings;
    this.#log = log;
  }

  /** The client has said connection.close. */
  answer(): void {
    this.#holdings.release();
    this.#awaitClient();
    void this.#holdings.released.then(() => this.#answerClose());
  }

  /** Its exclusive queues are gone by now: who is told so may declare them elsewhere. */
  #answerClose(): void {
    if (this.#lifetime.phase !== 'closing') return;
    this.#host.send({ id: MethodId.ConnectionCloseOk });
    this.#host.output.flush();
  }

  /** Closes the connection for any error: an AmqpError says so itself, others are ours and 541. */
  failed(error: unknown): void {
    if (this.#lifetime.isClosed) return;
    const amqpError = error instanceof AmqpError ? error : undefined;
    if (amqpError === undefined) this.#log.internalError(error);
    if (this.#holdings.session === undefined && !this.#host.isAuthenticated) {
      this.#lifetime.disconnectLater(amqpError?.replyText ?? 'internal error');
    } else if (amqpError !== undefined) {
      this.close(amqpError);
    } else {
      this.#close(ReplyCode.InternalError, 'INTERNAL_ERROR', 0, 0);
    }
  }

  /** Sends connection.close after everything the connection held has been let go. */
  close(error: AmqpError): void {
    if (this.#lifetime.isClosed) return;
    if (error.code !== ReplyCode.ConnectionForced) this.#log.connectionFailed(error);
    this.#close(error.code, error.replyText, error.classId, error.methodId);
  }

  #close(replyCode: ReplyCode, replyText: string, classId: number, methodId: number): void {
    this.#lifetime.reason = replyText;
    this.#holdings.release();
    this.#host.send({ id: MethodId.ConnectionClose, replyCode, replyText, classId, methodId });
    this.#awaitClient();
  }

  #awaitClient(): void {
    this.#lifetime.awaitClient(this.#holdings.session?.tuning.heartbeat ?? 0);
  }

  /** No login. Only `notice` is for the client; without it there is silence. */
  refuseLogin(notice: AmqpError | undefined): void {
    if (notice === undefined) {
      this.#lifetime.disconnectLater('login refused');
      return;
    }
    const { code: replyCode, replyText } = notice;
    this.#host.send({ id: MethodId.ConnectionClose, replyCode, replyText, classId: 0, methodId: 0 });
    this.#lifetime.awaitRefused('login refused');
  }
}
