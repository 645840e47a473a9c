import { PropertyFlag } from '../../protocol/basic-properties.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { findHeader, skipValue } from '../../protocol/field-table-codec.ts';
import { findProperty } from '../../protocol/properties.ts';
import { textArgument } from '../arguments.ts';
import { erlangTerm } from '../erlang-term.ts';
import { type Hash, hashBytes } from '../hash.ts';
import type { Message } from '../message.ts';

/** Hashes what a message is told apart by. */
export type HashSource = (message: Message, into: Hash) => void;

const properties: ReadonlyMap<string, number> = new Map([
  ['correlation_id', PropertyFlag.CorrelationId],
  ['message_id', PropertyFlag.MessageId],
  ['timestamp', PropertyFlag.Timestamp],
]);

/**
 * The arguments hash-header and hash-property of an exchange.
 *
 * @throws AmqpError 406
 */
export function checkHashArguments(all: FieldTable): void {
  for (const key of ['hash-header', 'hash-property']) {
    const value = all.get(key);
    if (value !== undefined && value.tag !== 'S') {
      throw invalid(`Invalid argument ${erlangTerm(value)}, '${key}' must be a string`);
    }
  }
  const property = textArgument(all, 'hash-property');
  if (property === undefined) return;
  if (all.has('hash-header')) throw invalid('hash-header and hash-property are mutually exclusive');
  if (!properties.has(property)) throw invalid(`Unsupported property: ${property}`);
}

/** What these arguments, which have been checked, ask for; undefined: the routing key. */
export function hashSource(all: FieldTable): HashSource | undefined {
  const header = textArgument(all, 'hash-header');
  if (header !== undefined) return headerSource(Buffer.from(header));
  const property = properties.get(textArgument(all, 'hash-property') ?? '');
  return property === undefined ? undefined : propertySource(property);
}

/** The routing key that a message was published with; its exchange stands before it. */
export const routingKeySource: HashSource = ({ address, addressStart, addressEnd }, into) => {
  const exchangeBytes = address[addressStart] ?? 0;
  hashBytes(address, addressStart + 2 + exchangeBytes, addressEnd, into);
};

/** The value with its type: `1` and `"1"` differ, as in RabbitMQ. All messages without the header are alike. */
function headerSource(header: Buffer): HashSource {
  return ({ frames, scan: { headersStart, headersEnd } }, into) => {
    const at = findHeader(frames, headersStart, headersEnd, header);
    hashBytes(frames, at, at < 0 ? at : skipValue(frames, at, headersEnd), into);
  };
}

/** All messages without the property are alike. */
function propertySource(flag: number): HashSource {
  return ({ frames, propertiesStart, propertiesEnd }, into) => {
    const { start, end } = findProperty(frames, propertiesStart, propertiesEnd, flag);
    hashBytes(frames, start, end, into);
  };
}

function invalid(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, explanation);
}
