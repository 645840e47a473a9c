import { NamePattern } from '../../broker/policies/name-pattern.ts';
import { PatternError } from '../../broker/policies/pattern-reader.ts';
import type { QueuedMessage } from '../../broker/queues/peek.ts';
import { plainOf } from '../../protocol/field-table.ts';
import { badRequest } from '../http/api-error.ts';
import { integer, optional, text, type ValuesOf } from '../http/schema.ts';

/** Which messages are meant; all that is said has to hold. */
export const messageFilter = {
  exchange: optional(text('Published to this exchange.')),
  routing_key: optional(text('A regular expression that is found in the routing key.')),
  header: optional(text('A header, as name=value; without a value any will do.')),
  payload: optional(text('Text that the payload contains.')),
  enqueued_before: optional(integer('In the queue since before then: milliseconds since 1970.')),
};

/** Undefined: all messages are meant. @throws ApiError 400 */
export function filterOf(
  filter: ValuesOf<typeof messageFilter>,
): ((message: QueuedMessage) => boolean) | undefined {
  const tests: ((message: QueuedMessage) => boolean)[] = [];
  const { exchange, routing_key: routingKey, header, payload, enqueued_before: before } = filter;
  if (exchange !== undefined) tests.push((message) => message.exchange === exchange);
  if (routingKey !== undefined) {
    const pattern = patternOf(routingKey);
    tests.push((message) => pattern.matches(message.routingKey));
  }
  if (header !== undefined) tests.push(headerTest(header));
  if (payload !== undefined) tests.push(({ body }) => body.includes(payload));
  if (before !== undefined) tests.push(({ enqueuedAt }) => enqueuedAt < before);
  return tests.length === 0 ? undefined : (message) => tests.every((test) => test(message));
}

function patternOf(given: string): NamePattern {
  try {
    return new NamePattern(given);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw badRequest(`'routing_key' is no regular expression: ${error.message}`);
  }
}

function headerTest(given: string): (message: QueuedMessage) => boolean {
  const sign = given.indexOf('=');
  const name = sign < 0 ? given : given.slice(0, sign);
  const wanted = sign < 0 ? undefined : given.slice(sign + 1);
  return ({ properties }) => {
    const value = properties.headers?.get(name);
    if (value === undefined) return false;
    return wanted === undefined || String(plainOf(value)) === wanted;
  };
}
