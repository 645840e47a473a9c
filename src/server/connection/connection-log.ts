import { type Logger, ofCategory } from '../../logger.ts';
import type { AmqpError } from '../../protocol/errors.ts';
import { methodName } from '../../protocol/methods.ts';
import type { LateDeliveries } from '../deliveries/delivery-timeouts.ts';
import type { Session } from '../handshake/handshake.ts';

/** How much of a text of the client's choosing is logged. */
const clientTextMax = 128;

const controlCharacters = /\p{Cc}/gu;

/**
 * What the log says about one connection, in RabbitMQ's words, which people search for: a line when it
 * opens, a line when it ends, and a line for each error in between.
 */
export class ConnectionLog {
  readonly #log: Logger;
  readonly #channelLog: Logger;
  /** `client address -> broker address` */
  readonly #name: string;
  #session: Session | undefined;
  /** What the client calls itself, fit to be logged. */
  #displayName: string | undefined;

  constructor(log: Logger, name: string) {
    this.#log = ofCategory(log, 'connection');
    this.#channelLog = ofCategory(log, 'channel');
    this.#name = name;
  }

  opened(session: Session): void {
    this.#session = session;
    const { displayName } = session.client;
    this.#displayName = displayName === undefined ? undefined : printable(displayName);
    const { user, vhost } = session;
    const granted = `user '${user.name}' authenticated and granted access to vhost '${vhost.name}'`;
    this.#log.info(this.#fields, `accepting AMQP connection ${this.#client}: ${granted}`);
  }

  loginRefused(mechanism: string, reason: string): void {
    const cause = `${printable(mechanism)} login refused: ${printable(reason)}`;
    this.#log.error(this.#fields, `${this.#name}: ${cause}`);
  }

  channelFailed(channel: number, error: AmqpError): void {
    const cause = `operation ${operation(error)} caused a channel exception ${explanation(error)}`;
    const fields = { ...this.#fields, channel };
    this.#channelLog.error(
      fields,
      `Channel error on connection ${this.#client}, channel ${channel}: ${cause}`,
    );
  }

  deliveriesLate(channel: number, { consumerTag, queue, count, timeoutMs }: LateDeliveries): void {
    const fields = { ...this.#fields, channel, consumerTag, queue, count, timeoutMs };
    const who = `Consumer ${printable(consumerTag)} of queue '${printable(queue)}' on channel ${channel}`;
    const cause = `has timed out waiting for delivery acknowledgement. Timeout used: ${timeoutMs} ms`;
    const effect = `it was cancelled and ${count} messages were requeued`;
    this.#channelLog.warn(fields, `${who} of connection ${this.#client} ${cause}: ${effect}`);
  }

  connectionFailed(error: AmqpError): void {
    const cause = `operation ${operation(error)} caused a connection exception ${explanation(error)}`;
    this.#log.error(this.#fields, `Error on AMQP connection ${this.#client}: ${cause}`);
  }

  /** An error of ours, not of the client. */
  internalError(error: unknown): void {
    this.#log.error({ ...this.#fields, err: error }, `internal error on AMQP connection ${this.#client}`);
  }

  /** `reason` is why, if the client did not say connection.close. */
  ended(reason: string | undefined, bytesReceived: number, durationMs: number): void {
    const fields = { connection: this.#name, durationMs };
    const suffix = reason === undefined ? '' : `: ${reason}`;
    if (this.#session !== undefined) {
      const message = `closing AMQP connection ${this.#name} (${this.#details(this.#session, durationMs)})${suffix}`;
      if (reason === undefined) this.#log.info(fields, message);
      else this.#log.warn(fields, message);
    } else if (bytesReceived > 0) {
      this.#log.warn(fields, `closing AMQP connection ${this.#name} during handshake${suffix}`);
    } else {
      // A TCP connection without a byte is a health check.
      this.#log.debug(fields, `closing AMQP connection ${this.#name}${suffix}`);
    }
  }

  get #fields() {
    return { connection: this.#name };
  }

  get #client(): string {
    return this.#displayName === undefined ? this.#name : `${this.#name} (${this.#displayName})`;
  }

  #details({ vhost, user }: Session, durationMs: number): string {
    const name = this.#displayName === undefined ? '' : `${this.#displayName}, `;
    const duration = `${Math.round(durationMs / 1000)}s`;
    return `${name}vhost: '${vhost.name}', user: '${user.name}', duration: '${duration}'`;
  }
}

/** Nobody writes lines of their own into the log. */
function printable(text: string): string {
  return text.slice(0, clientTextMax).replace(controlCharacters, '?');
}

function operation({ classId, methodId }: AmqpError): string {
  return classId === 0 ? 'none' : methodName((classId << 16) | methodId);
}

/** `precondition_failed: explanation` */
function explanation({ replyText }: AmqpError): string {
  const separator = replyText.indexOf(' - ');
  return `${replyText.slice(0, separator).toLowerCase()}: ${replyText.slice(separator + 3)}`;
}
