import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { boolArgument, numberArgument } from '../arguments.ts';
import type { Consumer } from '../queues/consumer.ts';

/**
 * What streams refuse (RabbitMQ page "Streams", "Feature Comparison"), in RabbitMQ's words. `resource` is the text
 * of names.ts's `describe`.
 */

const segmentBytesMax = 3_000_000_000;

/** @throws AmqpError 406 */
export function checkSegmentBytes(all: FieldTable): void {
  if ((numberArgument(all, 'x-stream-max-segment-size-bytes') ?? 0) <= segmentBytesMax) return;
  const text = 'Exceeded max value for x-stream-max-segment-size-bytes';
  throw new AmqpError(ReplyCode.PreconditionFailed, text);
}

/** @throws AmqpError 406, 540 */
export function checkStreamConsumer(resource: string, consumer: Consumer): void {
  if (consumer.prefetch === 0) {
    const text = `consumer prefetch count is not set for '${resource}'`;
    throw new AmqpError(ReplyCode.PreconditionFailed, text);
  }
  if (consumer.noAck) throw notSupported(resource, 'automatic acknowledgement');
  if (boolArgument(consumer.arguments, tracking) && consumer.tag.startsWith('amq.ctag-')) {
    const text = `invalid arg '${tracking}' for ${resource}: "needs a consumer tag of the client's own"`;
    throw new AmqpError(ReplyCode.PreconditionFailed, text);
  }
}

/** Argument of a consumer: how far it got is kept under its tag. LavinMQ's name. */
export const tracking = 'x-stream-automatic-offset-tracking';

/** The error, with reply code 540 (not-implemented) and RabbitMQ's text, for what streams do not do. */
export function notSupported(resource: string, what: string): AmqpError {
  return new AmqpError(ReplyCode.NotImplemented, `${what} not supported by stream queues ${resource}`);
}
