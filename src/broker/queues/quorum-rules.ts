import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { textArgument } from '../arguments.ts';
import { queueTypeLabel } from '../queue-type.ts';

/**
 * What quorum queues, and partly streams, refuse (RabbitMQ page "Quorum Queues", "Feature Matrix"). `resource` is the text of
 * names.ts's `describe`.
 */

/** The broker names classic queues only. @throws AmqpError 406 */
export function checkServerNamed(all: FieldTable): void {
  const type = textArgument(all, 'x-queue-type');
  if (type !== 'quorum' && type !== 'stream') return;
  const text = `Cannot declare a server-named queue for type ${queueTypeLabel(type)}`;
  throw new AmqpError(ReplyCode.PreconditionFailed, text);
}

/** @throws AmqpError 406 */
export function checkReplicatedProperties(
  resource: string,
  asked: { readonly durable: boolean; readonly exclusive: boolean; readonly autoDelete: boolean },
): void {
  const property = asked.autoDelete
    ? 'auto-delete'
    : asked.exclusive
      ? 'exclusive-owner'
      : asked.durable
        ? undefined
        : 'non-durable';
  if (property === undefined) return;
  throw new AmqpError(ReplyCode.PreconditionFailed, `invalid property '${property}' for ${resource}`);
}

/** @throws AmqpError 540 */
export function checkQuorumDelete(
  resource: string,
  asked: { readonly ifUnused: boolean; readonly ifEmpty: boolean },
): void {
  if (!asked.ifUnused && !asked.ifEmpty) return;
  const flag = asked.ifUnused ? 'if-unused' : 'if-empty';
  const refusal = `queue.delete operations with ${flag} flag set are not supported by quorum queues`;
  throw new AmqpError(ReplyCode.NotImplemented, `cannot delete ${resource}. ${refusal}`);
}
