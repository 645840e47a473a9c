import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { equalValues } from '../../protocol/field-value.ts';

/** What may change in a queue that is there: limits, times, and where messages go. The rest is how it is built. */
const changeable: ReadonlySet<string> = new Set([
  'x-consumer-timeout',
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-dead-letter-strategy',
  'x-delayed-retry-max',
  'x-delayed-retry-min',
  'x-delayed-retry-type',
  'x-delivery-limit',
  'x-expires',
  'x-max-age',
  'x-max-length',
  'x-max-length-bytes',
  'x-message-ttl',
  'x-overflow',
  'x-retry-delay',
  'x-retry-delay-max',
  'x-retry-limit',
]);

/**
 * Checks that a queue can have these arguments in place of those it has; `queue` is its description for the error text.
 *
 * @throws AmqpError 406
 */
export function checkChangedArguments(queue: string, before: FieldTable, after: FieldTable): void {
  for (const [key] of [...before.entries, ...after.entries]) {
    const [was, is] = [before.get(key), after.get(key)];
    const isSame = was !== undefined && is !== undefined && equalValues(was, is);
    if (isSame || changeable.has(key)) continue;
    throw new AmqpError(
      ReplyCode.PreconditionFailed,
      `arg '${key}' of ${queue} cannot be changed: declare another queue and move the messages`,
    );
  }
}
