import type { AdministrationError } from '../../administration/administration-error.ts';
import type { StoreUnreadableError } from '../../broker/store.ts';
import { type AmqpError, ReplyCode } from '../../protocol/errors.ts';

/** The reason as RabbitMQ writes it: mostly a sentence, sometimes an Erlang term put into JSON. */
export type Reason = string | readonly (string | number)[];

/** A request that is refused: becomes `{"error", "reason"}` as RabbitMQ has it, and a sentence where that helps. */
export class ApiError extends Error {
  readonly status: number;
  readonly error: string;
  readonly reason: Reason;
  /** What to do, where RabbitMQ's reason does not say it. */
  readonly advice: string | undefined;

  constructor(status: number, error: string, reason: Reason, advice?: string) {
    super(advice ?? String(reason));
    this.name = 'ApiError';
    this.status = status;
    this.error = error;
    this.reason = reason;
    this.advice = advice;
  }

  get body(): Readonly<Record<string, unknown>> {
    const { error, reason, advice } = this;
    return { error, reason, ...(advice !== undefined && { message: advice }) };
  }
}

/** What is not there, whatever it is. */
export function objectNotFound(): ApiError {
  return new ApiError(404, 'Object Not Found', 'Not Found');
}

/** There is no such virtual host, and something was to be written into it. */
export function vhostNotFound(): ApiError {
  return new ApiError(404, 'not_found', 'vhost_not_found', 'Create the virtual host first.');
}

/** 400: the request itself is wrong. `advice` says what to do instead. */
export function badRequest(reason: Reason, advice?: string): ApiError {
  return new ApiError(400, 'bad_request', reason, advice);
}

/** A login that is good, but not for this. */
export function notAuthorised(reason: string, advice?: string): ApiError {
  return new ApiError(401, 'not_authorised', reason, advice);
}

/** What the model says to an operation, as RabbitMQ's API passes it on. */
export function fromAmqpError(error: AmqpError): ApiError {
  const text = explanation(error);
  switch (error.code) {
    case ReplyCode.AccessRefused:
      return notAuthorised('Access refused.', text);
    case ReplyCode.NotFound:
      return new ApiError(404, 'not_found', text);
    default:
      return badRequest(text);
  }
}

/** What the administration says to a change. */
export function fromAdministrationError({ kind, message }: AdministrationError): ApiError {
  return kind === 'not-found' ? new ApiError(404, 'not_found', message) : badRequest(message);
}

/** Messages that are asked for are in a file that cannot be read now. */
export function unreadable({ message }: StoreUnreadableError): ApiError {
  return new ApiError(503, 'service_unavailable', message, 'The queue goes on once the file can be read.');
}

/** The reply text without the name of its code. */
export function explanation({ replyText }: AmqpError): string {
  return replyText.slice(replyText.indexOf(' - ') + ' - '.length);
}
