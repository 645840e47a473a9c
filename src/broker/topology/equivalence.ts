import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldTable, FieldValue } from '../../protocol/field-table.ts';
import { equalValues, textOf, typeName } from '../../protocol/field-value.ts';
import { decodeText } from '../../protocol/text.ts';
import { erlangTerm } from '../erlang-term.ts';

/**
 * Whether a second declaration asks for what is there (RabbitMQ page "Queues", "Declaration and Property
 * Equivalence"). `resource` is the text of names.ts's `describe`.
 *
 * @throws AmqpError 406
 */
export function checkSameProperty(
  resource: string,
  property: string,
  received: boolean | string,
  current: boolean | string,
): void {
  if (received === current) return;
  const values = `received '${received}' but current is '${current}'`;
  throw new AmqpError(
    ReplyCode.PreconditionFailed,
    `inequivalent arg '${property}' for ${resource}: ${values}`,
  );
}

/**
 * Compares the arguments called `keys` and no others: what the broker does not know may differ.
 *
 * @throws AmqpError 406
 */
export function checkSameArguments(
  resource: string,
  keys: Iterable<string>,
  received: FieldTable,
  current: FieldTable,
): void {
  for (const key of keys) {
    const [is, asked] = [current.get(key), received.get(key)];
    if (isSame(key, asked, is)) continue;
    const isBare = asked !== undefined && is !== undefined;
    const shown = isBare ? bareValue : typedValue;
    throw new AmqpError(
      ReplyCode.PreconditionFailed,
      `inequivalent arg '${key}' for ${resource}: received ${shown(asked)} but current is ${shown(is)}`,
    );
  }
}

function isSame(key: string, left: FieldValue | undefined, right: FieldValue | undefined): boolean {
  if (left !== undefined && right !== undefined) return equalValues(left, right);
  if (left === right) return true;
  // A classic queue need not say that it is one.
  return key === 'x-queue-type' && textOf(left ?? right) === 'classic';
}

/** When both sides have a value, RabbitMQ leaves the types out. */
function bareValue(value: FieldValue | undefined): string {
  return value === undefined || value.tag === 'V' ? 'none' : `'${valueText(value)}'`;
}

function typedValue(value: FieldValue | undefined): string {
  return value === undefined ? 'none' : `the value '${valueText(value)}' of type '${typeName(value)}'`;
}

function valueText(value: FieldValue): string {
  const isText = value.tag === 'S' || value.tag === 'x';
  return isText ? decodeText(value.value, 0, value.value.length) : erlangTerm(value);
}
