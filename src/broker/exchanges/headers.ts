import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldEntry, FieldTable, FieldValue } from '../../protocol/field-table.ts';
import { equalValues, integerOf, typeName } from '../../protocol/field-value.ts';
import { decodeText } from '../../protocol/text.ts';
import { erlangBinary, erlangTerm } from '../erlang-term.ts';
import type { Message } from '../message.ts';
import type { Binding, Destination } from '../routing/binding.ts';
import type { BindingMatcher, ExchangeType } from './exchange-type.ts';

/** The argument that says how many of the others have to match. */
const modeKey = 'x-match';
const modes = ['all', 'any', 'all-with-x', 'any-with-x'];
const defaultMode = 'all';

/** A binding as questions to a message's headers. */
interface Condition {
  readonly destination: Destination;
  readonly isAll: boolean;
  readonly wanted: readonly FieldEntry[];
}

class HeadersMatcher implements BindingMatcher {
  readonly looksBeyondKey = true;
  readonly #conditions = new Map<Binding, Condition>();

  add(binding: Binding): void {
    const mode = modeOf(binding.arguments);
    const withX = mode.endsWith('-with-x');
    this.#conditions.set(binding, {
      destination: binding.destination,
      isAll: mode.startsWith('all'),
      wanted: binding.arguments.entries.filter(
        ([key]) => key !== modeKey && (withX || !key.startsWith('x-')),
      ),
    });
  }

  remove(binding: Binding): void {
    this.#conditions.delete(binding);
  }

  match(_routingKeys: readonly string[], message: Message, into: Set<Destination>): void {
    const headers = new Map<string, FieldValue>();
    for (const [key, value] of message.headers?.entries ?? []) {
      if (!headers.has(key)) headers.set(key, value);
    }
    for (const condition of this.#conditions.values()) {
      if (isMet(condition, headers)) into.add(condition.destination);
    }
  }
}

/** With nothing to ask for, `all` is met by every message and `any` by none. */
function isMet({ isAll, wanted }: Condition, headers: ReadonlyMap<string, FieldValue>): boolean {
  for (const [key, value] of wanted) {
    if (isWanted(value, headers.get(key)) !== isAll) return !isAll;
  }
  return isAll;
}

/** A void argument asks only for the header to be there. */
function isWanted(wanted: FieldValue, header: FieldValue | undefined): boolean {
  if (header === undefined) return false;
  if (wanted.tag === 'V' || equalValues(wanted, header)) return true;
  const [left, right] = [numberOf(wanted), numberOf(header)];
  return left !== undefined && right !== undefined && left === right;
}

/** Here, other than in {@link equalValues}, RabbitMQ takes 1 and 1.0 for the same. */
function numberOf(value: FieldValue): number | undefined {
  if (value.tag === 'f' || value.tag === 'd') return value.value;
  const integer = value.tag === 'T' ? value.value : integerOf(value);
  return integer !== undefined && Number.isSafeInteger(Number(integer)) ? Number(integer) : undefined;
}

function modeOf(all: FieldTable): string {
  const mode = all.get(modeKey);
  return mode?.tag === 'S' ? decodeText(mode.value, 0, mode.value.length) : defaultMode;
}

/** Compares the message's headers with the arguments of the binding (specification, section 3.1.3.4). */
export const headers: ExchangeType = {
  name: 'headers',
  description: 'AMQP headers exchange, as per the AMQP specification',
  createMatcher: () => new HeadersMatcher(),
  checkBinding(_routingKey, all) {
    const mode = all.get(modeKey);
    if (mode === undefined || modes.includes(mode.tag === 'S' ? modeOf(all) : '')) return;
    const text =
      mode.tag === 'S'
        ? `Invalid x-match field value ${erlangBinary(mode.value)}; expected all, any, all-with-x, or any-with-x`
        : `Invalid x-match field type ${typeName(mode)} (value ${erlangTerm(mode)}); expected longstr`;
    throw new AmqpError(ReplyCode.PreconditionFailed, text);
  },
};
