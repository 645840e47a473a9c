/** The few steps nearly every scenario begins with. */

import type { Command, Publication, RawChannel } from '../raw-client.ts';
import type { Fields, Table } from '../raw-codec.ts';
import { exchangeName, queueName } from './broker.ts';
import { settled } from './expectations.ts';

/** Declares a queue with a name of its own (transient unless the fields say otherwise) and returns the name. */
export async function declareQueue(channel: RawChannel, fields: Fields = {}): Promise<string> {
  const queue = queueName();
  await channel.call('queue.declare', { queue, ...fields });
  return queue;
}

/** Declares an exchange with a name of its own and returns the name. */
export async function declareExchange(
  channel: RawChannel,
  type: string,
  fields: Fields = {},
): Promise<string> {
  const exchange = exchangeName();
  await channel.call('exchange.declare', { exchange, type, ...fields });
  return exchange;
}

export async function bindQueue(
  channel: RawChannel,
  exchange: string,
  queue: string,
  routingKey = '',
  args: Table = {},
): Promise<void> {
  await channel.call('queue.bind', { exchange, queue, 'routing-key': routingKey, arguments: args });
}

/** A new queue bound to the exchange. */
export async function boundQueue(
  channel: RawChannel,
  exchange: string,
  routingKey = '',
  args: Table = {},
): Promise<string> {
  const queue = await declareQueue(channel);
  await bindQueue(channel, exchange, queue, routingKey, args);
  return queue;
}

/** Publishes bodies to a queue through the default exchange. */
export function publishTexts(channel: RawChannel, queue: string, ...bodies: string[]): void {
  for (const body of bodies) channel.publish({ routingKey: queue, body });
}

/** Publishes on a channel of its own and waits until all is confirmed; what the server said to each. */
export async function publishConfirmed(
  { connection }: RawChannel,
  messages: readonly Publication[],
): Promise<('ack' | 'nack')[]> {
  const channel = await connection.channel();
  await channel.call('confirm.select');
  for (const message of messages) channel.publish(message);
  const outcome = await settled(channel, messages.length);
  await channel.close();
  return messages.map((_, index) => outcome.get(index + 1) ?? 'nack');
}

/** Starts a consumer and returns its tag. */
export async function consume(channel: RawChannel, queue: string, fields: Fields = {}): Promise<string> {
  return (await channel.call('basic.consume', { queue, ...fields })).string('consumer-tag');
}

/** The next `count` deliveries of a channel. */
export async function deliveries(channel: RawChannel, count: number): Promise<Command[]> {
  const commands: Command[] = [];
  while (commands.length < count) commands.push(await channel.next('basic.deliver'));
  return commands;
}

export function textsOf(commands: readonly Command[]): string[] {
  return commands.map(({ text }) => text);
}

export function ack(channel: RawChannel, deliveryTag: number, multiple = false): void {
  channel.send('basic.ack', { 'delivery-tag': deliveryTag, multiple });
}

export function nack(
  channel: RawChannel,
  deliveryTag: number,
  { multiple = false, requeue = true }: { readonly multiple?: boolean; readonly requeue?: boolean } = {},
): void {
  channel.send('basic.nack', { 'delivery-tag': deliveryTag, multiple, requeue });
}
