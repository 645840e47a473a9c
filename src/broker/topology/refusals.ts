import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { Actor } from '../actor.ts';
import { describe, type ResourceKind } from '../names.ts';
import type { Queue } from '../queues/queue.ts';

/** 404: there is no queue or exchange of this name. */
export function notFound(kind: ResourceKind, name: string, vhost: string): AmqpError {
  return new AmqpError(ReplyCode.NotFound, `no ${describe(kind, name, vhost)}`);
}

/** 406: what is there is not what was asked for. */
export function preconditionFailed(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, explanation);
}

/** The queue is exclusive to another connection, or was declared exclusive and is not. */
export function locked(queue: Queue): AmqpError {
  return new AmqpError(
    ReplyCode.ResourceLocked,
    `cannot obtain exclusive access to locked ${describe('queue', queue.name, queue.vhost.name)}. ` +
      'It could be originally declared on another connection or the exclusive property value does not match that of ' +
      'the original declaration.',
  );
}

/** @throws AmqpError 405 when the queue belongs to another connection */
export function checkOwner(actor: Actor, queue: Queue): void {
  if (queue.exclusiveOwner !== undefined && queue.exclusiveOwner !== actor.owner) throw locked(queue);
}

/** @throws AmqpError 403 */
export function checkNotDefault(exchange: string): void {
  if (exchange !== '') return;
  throw new AmqpError(ReplyCode.AccessRefused, 'operation not permitted on the default exchange');
}
