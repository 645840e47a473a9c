import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { Message } from '../message.ts';

/** Ten years, as in RabbitMQ. */
const expirationMsMax = 315_360_000_000;

/**
 * The expiration property in milliseconds (RabbitMQ page "Time-To-Live and Expiration").
 *
 * @throws AmqpError 406 with RabbitMQ's words for what is not a decimal number of milliseconds
 */
export function expirationOf(message: Message): number {
  const { expirationStart, expirationEnd } = message.scan;
  const text = message.frames.toString('utf8', expirationStart, expirationEnd);
  const digits = /^[+-]?\d+/.exec(text)?.[0];
  let problem: string | undefined;
  if (digits === undefined) problem = 'no_integer';
  else if (digits.length < text.length) problem = `{leftover_string,"${text.slice(digits.length)}"}`;
  else if (Number(digits) < 0) problem = `{value_negative,${BigInt(digits)}}`;
  else if (Number(digits) > expirationMsMax) problem = `{value_too_large,${BigInt(digits)}}`;
  if (problem === undefined) return Number(digits);
  throw new AmqpError(ReplyCode.PreconditionFailed, `invalid expiration '${text}': ${problem}`);
}
