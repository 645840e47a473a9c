import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { textArgument } from '../arguments.ts';
import type { ExchangeType } from './exchange-type.ts';

const typeArgument = 'x-delayed-type';
const name = 'x-delayed-message';

/**
 * Keeps messages for a while (`delays/exchange-delay.ts`), then picks among its bindings as the exchange type named
 * in x-delayed-type does (README of the plugin rabbitmq-delayed-message-exchange).
 *
 * @param types all exchange types by name
 */
export function delayedMessage(types: ReadonlyMap<string, ExchangeType>): ExchangeType {
  const innerType = (all: FieldTable): ExchangeType => {
    const inner = textArgument(all, typeArgument);
    if (inner === undefined || inner === name) {
      throw invalid(`Invalid argument, '${typeArgument}' must be an existing exchange type`);
    }
    const type = types.get(inner);
    if (type === undefined) throw invalid(`unknown exchange type '${inner}'`);
    return type;
  };
  return {
    name,
    description: 'Delayed Message Exchange.',
    delays: true,
    createMatcher: (all) => innerType(all).createMatcher(all),
    checkArguments: (all) => innerType(all).checkArguments?.(all),
    checkBinding: (routingKey, all, ofExchange, destination) =>
      innerType(ofExchange).checkBinding?.(routingKey, all, ofExchange, destination),
  };
}

function invalid(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, explanation);
}
