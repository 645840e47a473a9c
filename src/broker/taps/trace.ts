import { type BasicProperties, decodeProperties, writeProperties } from '../../protocol/basic-properties.ts';
import { ByteWriter } from '../../protocol/byte-writer.ts';
import { type FieldEntry, FieldTable, type FieldValue } from '../../protocol/field-table.ts';
import { array, int32, int64, longString, table } from '../../protocol/field-value.ts';
import { Message } from '../message.ts';
import { blindCopyHeader, copyHeader, headerKeys, withoutBlindCopies } from '../routing/copy-headers.ts';

/** Where the copies of a traced virtual host go (RabbitMQ page "Firehose Tracer"). */
export const traceExchange = 'amq.rabbitmq.trace';

/** The channel that a traced message came in or goes out on. */
export interface TraceOrigin {
  readonly node: string;
  readonly vhost: string;
  /** `client address -> broker address` */
  readonly connection: string;
  readonly channel: number;
  readonly username: string;
}

/** A message that is handed to a consumer or fetched. */
export interface TracedDelivery {
  readonly message: Message;
  readonly queue: { readonly name: string };
  readonly redelivered: boolean;
  /** Together with the tag it names the delivery. */
  readonly channel: object;
  readonly tag: number;
  /** It has to be acknowledged. */
  readonly isSettledLater: boolean;
}

/** How a delivery ended. */
export type DeliveryEnd = 'acknowledge' | 'requeue-nacked' | 'requeue-rejected' | 'reject' | 'abandon';

/** Shows what is delivered to whoever wants to see it. */
export interface DeliveryTracer {
  /** For the caller to look at first. */
  readonly isWatching: boolean;
  /** To a consumer or with basic.get. */
  delivered(delivery: TracedDelivery, origin: TraceOrigin): void;
  /** A delivery with `isSettledLater` has ended. */
  settled(channel: object, tag: number, end: DeliveryEnd): void;
}

/** The copy of a message that was published: `publish.<exchange>`. */
export function publishTrace(
  message: Message,
  routed: readonly { readonly name: string }[],
  origin: TraceOrigin,
): Message {
  const queues = array(routed.map(({ name }) => longString(name)));
  const headers = [...messageEntries(message, origin), ...originEntries(origin)];
  return copyOf(message, `publish.${message.exchange}`, [...headers, ['routed_queues', queues]]);
}

/** The copy of a message that is handed to a consumer or fetched: `deliver.<queue>`. */
export function deliveryTrace(
  message: Message,
  queue: string,
  redelivered: boolean,
  origin: TraceOrigin,
): Message {
  const redeliveredEntry: FieldEntry = ['redelivered', int32(redelivered ? 1 : 0)];
  const headers = [...messageEntries(message, origin), redeliveredEntry, ...originEntries(origin)];
  return copyOf(message, `deliver.${queue}`, headers);
}

function copyOf(message: Message, routingKey: string, entries: readonly FieldEntry[]): Message {
  const writer = new ByteWriter();
  writeProperties(writer, { headers: new FieldTable(entries) });
  return Message.of(traceExchange, routingKey, writer.bytes(), message.body);
}

function messageEntries(message: Message, { node }: TraceOrigin): FieldEntry[] {
  const { headers, exchange, routingKey } = message;
  const keys = [routingKey, ...headerKeys(headers, copyHeader), ...headerKeys(headers, blindCopyHeader)];
  const seen = withoutBlindCopies(message);
  const properties = decodeProperties(seen.frames, seen.propertiesStart, seen.propertiesEnd);
  return [
    ['exchange_name', longString(exchange)],
    ['routing_keys', array(keys.map((key) => longString(key)))],
    ['properties', table(propertyTable(properties))],
    ['node', longString(node)],
  ];
}

function originEntries({ vhost, connection, channel, username }: TraceOrigin): FieldEntry[] {
  return [
    ['vhost', longString(vhost)],
    ['connection', longString(connection)],
    ['channel', int32(channel)],
    ['user', longString(username)],
  ];
}

/** Properties as a table, under RabbitMQ's names and in its order, which is the reverse of the wire's. */
function propertyTable(properties: BasicProperties): FieldTable {
  const entries: FieldEntry[] = [];
  const add = (key: string, value: FieldValue | undefined): void => {
    if (value !== undefined) entries.push([key, value]);
  };
  const text = (value: string | undefined) => (value === undefined ? undefined : longString(value));
  const number = (value: number | undefined) => (value === undefined ? undefined : int32(value));
  const { headers, timestamp } = properties;
  add('cluster_id', text(properties.clusterId));
  add('app_id', text(properties.appId));
  add('user_id', text(properties.userId));
  add('type', text(properties.type));
  // RabbitMQ writes 32 bits here, which is too few from 2038 on.
  add('timestamp', timestamp === undefined ? undefined : int64(BigInt.asIntN(64, timestamp)));
  add('message_id', text(properties.messageId));
  add('expiration', text(properties.expiration));
  add('reply_to', text(properties.replyTo));
  add('correlation_id', text(properties.correlationId));
  add('priority', number(properties.priority));
  add('delivery_mode', number(properties.deliveryMode));
  add('headers', headers === undefined ? undefined : table(headers));
  add('content_encoding', text(properties.contentEncoding));
  add('content_type', text(properties.contentType));
  return new FieldTable(entries);
}
