import type { JsonValue } from '../../broker/store.ts';
import type { BasicProperties } from '../../protocol/basic-properties.ts';
import { badRequest } from '../http/api-error.ts';
import { fieldTable } from '../http/arguments.ts';
import type { Json } from '../http/columns.ts';
import { dictionary, type Field } from '../http/schema.ts';

/** AMQP's short strings hold no more. */
const textBytesMax = 255;

const textNames = {
  content_type: 'contentType',
  content_encoding: 'contentEncoding',
  correlation_id: 'correlationId',
  reply_to: 'replyTo',
  expiration: 'expiration',
  message_id: 'messageId',
  type: 'type',
  user_id: 'userId',
  app_id: 'appId',
  cluster_id: 'clusterId',
} as const;

const octetNames = { delivery_mode: 'deliveryMode', priority: 'priority' } as const;

/** `properties` of a message under RabbitMQ's names; names that it does not know are ignored, as there. */
export function messageProperties(): Field<BasicProperties> {
  const object = dictionary();
  const texts = Object.keys(textNames).map((name) => [name, { type: 'string', maxLength: textBytesMax }]);
  const octets = Object.keys(octetNames).map((name) => [name, { type: 'integer', minimum: 0, maximum: 255 }]);
  const properties: { [name: string]: JsonValue } = Object.fromEntries([...texts, ...octets]);
  properties['timestamp'] = { type: 'integer', minimum: 0, description: 'Seconds since 1970.' };
  properties['headers'] = { ...fieldTable().schema };
  return {
    schema: { type: 'object', properties },
    isOptional: false,
    read: (value, name) => readProperties(object.read(value, name)),
  };
}

function readProperties(given: { readonly [key: string]: JsonValue }): BasicProperties {
  const properties: BasicProperties = {};
  for (const [name, key] of entriesOf(textNames)) {
    const value = given[name];
    if (value === undefined) continue;
    if (typeof value !== 'string') throw badRequest(['not_string', name], `'${name}' has to be a string.`);
    if (Buffer.byteLength(value) > textBytesMax)
      throw badRequest(`${name} has more than ${textBytesMax} bytes`);
    properties[key] = value;
  }
  for (const [name, key] of entriesOf(octetNames)) {
    const value = integerIn(given, name, 255);
    if (value !== undefined) properties[key] = value;
  }
  const timestamp = integerIn(given, 'timestamp', Number.MAX_SAFE_INTEGER);
  if (timestamp !== undefined) properties.timestamp = BigInt(timestamp);
  const { headers } = given;
  if (headers !== undefined) properties.headers = fieldTable().read(headers, 'headers');
  return properties;
}

function integerIn(
  given: { readonly [key: string]: JsonValue },
  name: string,
  max: number,
): number | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max) {
    throw badRequest(['not_int', name], `'${name}' has to be an integer from 0 to ${max}.`);
  }
  return value;
}

/** Properties under RabbitMQ's names, in its order; an empty list where there are none. */
export function propertiesView(properties: BasicProperties): Json | readonly never[] {
  const { headers, timestamp } = properties;
  const all: Record<string, unknown> = {
    cluster_id: properties.clusterId,
    app_id: properties.appId,
    user_id: properties.userId,
    type: properties.type,
    timestamp: timestamp === undefined ? undefined : Number(timestamp),
    message_id: properties.messageId,
    expiration: properties.expiration,
    reply_to: properties.replyTo,
    correlation_id: properties.correlationId,
    priority: properties.priority,
    delivery_mode: properties.deliveryMode,
    headers: headers?.toJSON(),
    content_encoding: properties.contentEncoding,
    content_type: properties.contentType,
  };
  const present = Object.entries(all).filter(([, value]) => value !== undefined);
  return present.length === 0 ? [] : Object.fromEntries(present);
}

function entriesOf<Name extends string, Key extends string>(names: Readonly<Record<Name, Key>>) {
  const entries: [Name, Key][] = [];
  for (const name in names) entries.push([name, names[name]]);
  return entries;
}
