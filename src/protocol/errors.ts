/**
 * The one exception type behind every `channel.close` and `connection.close` the broker sends.
 *
 * A soft error closes the channel it was raised on, a hard one the whole connection (AMQP 0-9-1,
 * section 1.2 "constants"; RabbitMQ page "Channels", "Channel-level exceptions").
 */

/** Reply codes with the names RabbitMQ puts in front of the explanation. */
export const ReplyCode = {
  ContentTooLarge: 311,
  NoRoute: 312,
  NoConsumers: 313,
  ConnectionForced: 320,
  InvalidPath: 402,
  AccessRefused: 403,
  NotFound: 404,
  ResourceLocked: 405,
  PreconditionFailed: 406,
  FrameError: 501,
  SyntaxError: 502,
  CommandInvalid: 503,
  ChannelError: 504,
  UnexpectedFrame: 505,
  ResourceError: 506,
  NotAllowed: 530,
  NotImplemented: 540,
  InternalError: 541,
} as const;

export type ReplyCode = (typeof ReplyCode)[keyof typeof ReplyCode];

const names: Record<ReplyCode, string> = {
  311: 'CONTENT_TOO_LARGE',
  312: 'NO_ROUTE',
  313: 'NO_CONSUMERS',
  320: 'CONNECTION_FORCED',
  402: 'INVALID_PATH',
  403: 'ACCESS_REFUSED',
  404: 'NOT_FOUND',
  405: 'RESOURCE_LOCKED',
  406: 'PRECONDITION_FAILED',
  501: 'FRAME_ERROR',
  502: 'SYNTAX_ERROR',
  503: 'COMMAND_INVALID',
  504: 'CHANNEL_ERROR',
  505: 'UNEXPECTED_FRAME',
  506: 'RESOURCE_ERROR',
  530: 'NOT_ALLOWED',
  540: 'NOT_IMPLEMENTED',
  541: 'INTERNAL_ERROR',
};

/** Soft codes: they close one channel and leave the connection alone. */
const softCodes: ReadonlySet<ReplyCode> = new Set<ReplyCode>([311, 312, 313, 403, 404, 405, 406]);

/** A short string carries at most this many bytes, the reply text included. */
const replyTextBytesMax = 255;

/**
 * Raised wherever the protocol or the model refuses something.
 *
 * `classId` and `methodId` name the method that failed; whoever dispatches methods fills them in with
 * {@link AmqpError.during} when the raiser did not know them. Framing errors keep 0/0.
 */
export class AmqpError extends Error {
  readonly code: ReplyCode;
  /** `CODE_NAME - explanation`, at most 255 bytes of UTF-8. */
  readonly replyText: string;
  classId = 0;
  methodId = 0;
  /** Closes the connection even if the code is soft (any error raised on channel 0 does). */
  readonly hard: boolean;

  constructor(code: ReplyCode, explanation: string) {
    const text = truncate(`${names[code]} - ${explanation}`);
    super(text);
    this.name = 'AmqpError';
    this.code = code;
    this.replyText = text;
    this.hard = !softCodes.has(code);
  }

  /** Notes the method that failed, unless one is noted already. `method` is class id << 16 | method id. */
  during(method: number): this {
    if (this.classId === 0) {
      this.classId = method >>> 16;
      this.methodId = method & 0xffff;
    }
    return this;
  }
}

/** Cuts at a character boundary and ends with `...`, as RabbitMQ does. */
function truncate(text: string): string {
  if (Buffer.byteLength(text) <= replyTextBytesMax) return text;
  let end = text.length;
  while (Buffer.byteLength(text.slice(0, end)) > replyTextBytesMax - 3) end--;
  return `${text.slice(0, end)}...`;
}
