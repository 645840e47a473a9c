import { AmqpError } from '../protocol/errors.ts';
import type { FieldTable } from '../protocol/field-table.ts';
import type { Message } from './message.ts';

/**
 * The headers of a message that was taken; undefined when it has none. A publisher whose headers nobody had to decode
 * may have written nonsense: by now it is too late to refuse the message, so it goes on without them.
 */
export function decodedHeaders(message: Message): FieldTable | undefined {
  try {
    return message.headers;
  } catch (error) {
    if (error instanceof AmqpError) return undefined;
    throw error;
  }
}
