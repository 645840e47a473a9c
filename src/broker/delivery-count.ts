import { FieldTable } from '../protocol/field-table.ts';
import { int64, integerOf } from '../protocol/field-value.ts';
import { rewriteProperties } from '../protocol/properties.ts';
import { decodedHeaders } from './decoded-headers.ts';
import { Message } from './message.ts';

/** Header in which a quorum queue tells consumers how often a message was given back before. */
export const deliveryCountHeader = 'x-delivery-count';

/** The property list of a message with that delivery count in its headers. */
export function propertiesWithDeliveryCount(message: Message, deliveryCount: number): Buffer {
  const headers = decodedHeaders(message) ?? FieldTable.empty;
  const { frames, propertiesStart, propertiesEnd } = message;
  return rewriteProperties(frames, propertiesStart, propertiesEnd, {
    headers: headers.with(deliveryCountHeader, int64(deliveryCount)),
  });
}

/** The message with that delivery count in its headers, in memory of its own. */
export function withDeliveryCount(message: Message, deliveryCount: number): Message {
  return withProperties(message, propertiesWithDeliveryCount(message, deliveryCount));
}

/** The message without what {@link withDeliveryCount} has written, in memory of its own. */
export function withoutDeliveryCount(message: Message): Message {
  const { frames, propertiesStart, propertiesEnd } = message;
  const headers = decodedHeaders(message)?.without(deliveryCountHeader);
  // Where nothing else is left, there were mostly no headers before.
  const kept = headers === undefined || headers.size === 0 ? undefined : headers;
  return withProperties(
    message,
    rewriteProperties(frames, propertiesStart, propertiesEnd, { headers: kept }),
  );
}

function withProperties(original: Message, properties: Buffer): Message {
  const message = Message.of(original.exchange, original.routingKey, properties, original.body);
  message.hasBlindCopies = original.hasBlindCopies;
  return message;
}

/** What {@link withDeliveryCount} has written. */
export function writtenDeliveryCount(message: Message): number {
  return Number(integerOf(decodedHeaders(message)?.get(deliveryCountHeader)) ?? 0);
}
