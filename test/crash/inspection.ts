import { setTimeout as delay } from 'node:timers/promises';
import amqplib, { type Channel, type ChannelModel, type ConsumeMessage } from 'amqplib';
import { numberOf } from './bodies.ts';
import type { Books } from './books.ts';
import type { Found, QueueLedger } from './ledger.ts';
import { inspectStream } from './stream-workload.ts';
import { ttlMs } from './workload.ts';

/** Of what is found, this much is acknowledged, so that queues keep holes and do not grow forever. */
const acknowledgedShare = 0.8;

const inspectionTimeoutMs = 20_000;

/**
 * Looks into everything that a restarted broker has and compares it with the books. What is found counts from
 * then on; most messages are acknowledged, the others are given back.
 *
 * @throws Error saying what is lost, too much, out of order or wrongly marked.
 */
export async function inspect(
  url: string,
  books: Books,
  random: () => number,
  afterCrash: boolean,
): Promise<void> {
  const connection = await amqplib.connect(`${url}?heartbeat=0`);
  connection.on('error', () => {});
  try {
    await inspectQueues(connection, books, random, afterCrash);
    await inspectStream(connection, books);
    await checkGone(connection, 'transient');
    await inspectDefinitions(connection, books);
  } finally {
    await connection.close().catch(() => {});
  }
}

async function inspectQueues(
  connection: ChannelModel,
  books: Books,
  random: () => number,
  afterCrash: boolean,
): Promise<void> {
  const { plain, fanA, fanB, ttl, dead, work, rejects, tx, tally } = books;
  const look = (ledger: QueueLedger, check: (found: readonly Found[]) => void) =>
    inspectQueue(connection, ledger, random, tally, check);

  await emptied(connection, ttl.name);
  for (const number of ttl.owed) dead.hasCome(number);
  for (const number of [...ttl.possible, ...ttl.owed]) dead.mayCome(number);
  for (const number of ttl.owed) ttl.leaves(number);
  ttl.check([], tally, afterCrash);

  for (const ledger of [plain, fanA, fanB, dead]) {
    await look(ledger, (found) => ledger.check(found, tally, afterCrash));
  }
  await look(tx, (found) => {
    const numbers = new Set(found.map(({ number }) => number));
    const group = books.openGroup?.numbers ?? [];
    const there = group.filter((number) => numbers.has(number)).length;
    if (there !== 0 && there !== group.length)
      throw new Error(`of a transaction of ${group.length} messages ${there} are there`);
    books.openGroup = undefined;
    tx.check(found, tally, afterCrash);
  });

  const places = new Set<number>();
  for (const ledger of [work, rejects]) {
    await look(ledger, (found) => {
      for (const { number } of found) places.add(number);
      ledger.check(found, tally, afterCrash);
    });
  }
  for (const [number, isConfirmed] of books.rejected) {
    if (isConfirmed && !places.has(number))
      throw new Error(`rejected message ${number} is neither in work nor in rejects`);
  }
  books.rejected.clear();
}

/** Takes all of a queue, has it checked, acknowledges some and gives the others back. */
async function inspectQueue(
  connection: ChannelModel,
  ledger: QueueLedger,
  random: () => number,
  tally: { acknowledged: number },
  check: (found: readonly Found[]) => void,
): Promise<void> {
  const channel = await connection.createChannel();
  const messages = await take(channel, ledger.name);
  check(
    messages.map(({ content, fields, properties }) => ({
      number: numberOf(content),
      redelivered: fields.redelivered,
      persistent: properties.deliveryMode === 2,
    })),
  );
  const kept = new Set(
    messages.filter(() => random() >= acknowledgedShare).map(({ content }) => numberOf(content)),
  );
  const acknowledged: number[] = [];
  for (const message of messages) {
    const number = numberOf(message.content);
    // A dead letter that is there twice has one place in the books.
    if (kept.has(number)) continue;
    tally.acknowledged++;
    ledger.acknowledged(number);
    acknowledged.push(number);
    channel.ack(message);
  }
  await channel.close();
  for (const number of acknowledged) ledger.acknowledgementReceived(number);
}

/** All ready messages of a queue in order, and no more than it says it has. */
async function take(channel: Channel, queue: string): Promise<ConsumeMessage[]> {
  const { messageCount } = await channel.checkQueue(queue);
  const messages: ConsumeMessage[] = [];
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`queue ${queue} says ${messageCount} messages and gave ${messages.length}`));
    }, inspectionTimeoutMs);
    if (messageCount === 0) resolve();
    const take = (message: ConsumeMessage | null) => {
      if (message === null) reject(new Error(`queue ${queue} went away`));
      else if (messages.push(message) === messageCount) resolve();
    };
    channel.consume(queue, take, { consumerTag: 'inspection' }).catch(reject);
  });
  clearTimeout(timer);
  await channel.cancel('inspection');
  if (messages.length !== messageCount)
    throw new Error(`queue ${queue} said ${messageCount} messages and gave ${messages.length}`);
  return messages;
}

/** Waits until the time to live of a queue has emptied it. */
async function emptied(connection: ChannelModel, queue: string): Promise<void> {
  const channel = await connection.createChannel();
  const deadline = performance.now() + inspectionTimeoutMs;
  for (;;) {
    const { messageCount } = await channel.checkQueue(queue);
    if (messageCount === 0) break;
    if (performance.now() > deadline)
      throw new Error(`queue ${queue} does not expire ${messageCount} messages`);
    await delay(ttlMs / 4);
  }
  await channel.close();
}

async function checkGone(connection: ChannelModel, queue: string): Promise<void> {
  if (await exists(connection, (channel) => channel.checkQueue(queue)))
    throw new Error(`queue ${queue} was not durable and is there`);
}

async function inspectDefinitions(connection: ChannelModel, { definitions }: Books): Promise<void> {
  for (const [name, existence] of definitions) {
    const queue = await exists(connection, (channel) => channel.checkQueue(name));
    const exchange = await exists(connection, (channel) => channel.checkExchange(name));
    if (existence === 'there' && !(queue && exchange)) throw new Error(`${name} is not there any more`);
    if (existence === 'gone' && (queue || exchange)) throw new Error(`${name} was deleted and is there`);
    if (existence === 'there') await checkBinding(connection, name);
    if (existence === 'unknown') await remove(connection, name);
    if (existence !== 'there') definitions.delete(name);
  }
}

/** A message goes through the binding. */
async function checkBinding(connection: ChannelModel, name: string): Promise<void> {
  const channel = await connection.createChannel();
  channel.publish(name, 'a.b', Buffer.from('x'));
  const { messageCount } = await channel.purgeQueue(name);
  if (messageCount !== 1) throw new Error(`exchange ${name} is not bound to queue ${name} any more`);
  await channel.close();
}

async function remove(connection: ChannelModel, name: string): Promise<void> {
  const channel = await connection.createChannel();
  await channel.deleteQueue(name);
  await channel.deleteExchange(name);
  await channel.close();
}

/** A passive declaration that fails closes its channel. */
async function exists(
  connection: ChannelModel,
  declare: (channel: Channel) => Promise<unknown>,
): Promise<boolean> {
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  try {
    await declare(channel);
  } catch (error) {
    if (String(error).includes('NOT_FOUND')) return false;
    throw error;
  }
  await channel.close();
  return true;
}
