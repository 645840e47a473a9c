import { propertiesWithDeliveryCount } from '../../broker/delivery-count.ts';
import type { Message } from '../../broker/message.ts';
import { withoutBlindCopies } from '../../broker/routing/copy-headers.ts';
import { decodeProperties } from '../../protocol/basic-properties.ts';
import { decodeUtf8 } from '../../protocol/text.ts';
import type { Json } from '../http/columns.ts';
import { propertiesView } from './properties.ts';

/** How payloads are shown. */
export interface PayloadOptions {
  /** `auto`: as text if it is UTF-8. */
  readonly encoding: 'auto' | 'base64';
  /** At most so many bytes are shown. */
  readonly truncate: number | undefined;
}

/** A message as the HTTP API shows it. `deliveryCount`: how often it was given back, where that is counted. */
export function messageView(
  message: Message,
  deliveryCount: number | undefined,
  options: PayloadOptions,
): Json {
  const shown = withoutBlindCopies(message);
  const { frames, propertiesStart, propertiesEnd } = shown;
  const properties =
    deliveryCount === undefined || deliveryCount === 0
      ? decodeProperties(frames, propertiesStart, propertiesEnd)
      : decodedAgain(propertiesWithDeliveryCount(shown, deliveryCount));
  return {
    payload_bytes: message.bodySize,
    exchange: message.exchange,
    routing_key: message.routingKey,
    properties: propertiesView(properties),
    ...payloadView(message.body, options),
  };
}

function decodedAgain(bytes: Buffer) {
  return decodeProperties(bytes, 0, bytes.length);
}

/** The payload as text or in base64. */
export function payloadView(body: Buffer, { encoding, truncate }: PayloadOptions): Json {
  const shown = truncate === undefined ? body : body.subarray(0, truncate);
  const text = encoding === 'auto' ? decodeUtf8(shown, 0, shown.length) : undefined;
  return text === undefined
    ? { payload: shown.toString('base64'), payload_encoding: 'base64' }
    : { payload: text, payload_encoding: 'string' };
}
