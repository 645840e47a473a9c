import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { bodyOf, numberOf } from './bodies.ts';
import type { Books } from './books.ts';
import { type Streamed, streamBytesMax, streamSegmentBytes } from './stream-ledger.ts';

/** How long an inspection waits for messages. */
const inspectionTimeoutMs = 20_000;

const streamArguments = {
  'x-queue-type': 'stream',
  'x-max-length-bytes': streamBytesMax,
  'x-stream-max-segment-size-bytes': streamSegmentBytes,
};

/** Declares the stream; it is there after the first time. */
export async function declareStream(connection: ChannelModel): Promise<void> {
  const channel = await connection.createChannel();
  await channel.assertQueue('stream', { durable: true, arguments: streamArguments });
  await channel.close();
}

function streamed({ content, properties }: ConsumeMessage): Streamed {
  return { offset: Number(properties.headers?.['x-stream-offset']), number: numberOf(content) };
}

/** Publishes with confirms, transient messages too, until the connection breaks. */
export async function publishToStream(connection: ChannelModel, books: Books, random: () => number) {
  const channel = await connection.createConfirmChannel();
  channel.on('error', () => {});
  const { stream } = books;
  for (;;) {
    const count = 1 + Math.floor(random() * 8);
    for (let i = 0; i < count; i++) {
      const number = books.nextNumber();
      stream.published(number);
      const headers = { 'x-stream-filter-value': filterValueOf(number) };
      channel.sendToQueue('stream', bodyOf(number), { persistent: i % 2 === 0, headers }, (error) => {
        if (error !== null) return;
        books.tally.confirmed++;
        stream.confirmed(number);
      });
    }
    if (random() < 0.5) await channel.waitForConfirms();
    await delay(random() * 10);
  }
}

/** One consumer that sees what is new, and one that goes on where it was. */
export async function readStream(connection: ChannelModel, books: Books): Promise<void> {
  const { stream } = books;
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  await channel.prefetch(100);
  let isFirst = true;
  const track = (message: ConsumeMessage | null) => {
    if (message === null) return;
    const { offset, number } = streamed(message);
    if (isFirst) stream.resumed(offset);
    isFirst = false;
    stream.shown({ offset, number });
    channel.ack(message);
    stream.settledBelow = offset + 1;
  };
  const tracking = { 'x-stream-automatic-offset-tracking': true, 'x-stream-offset': 'first' };
  await channel.consume('stream', track, { consumerTag: 'tracked', arguments: tracking });
  const watch = (message: ConsumeMessage | null) => {
    if (message === null) return;
    stream.shown(streamed(message));
    channel.ack(message);
  };
  await channel.consume('stream', watch, { arguments: { 'x-stream-offset': 'next' } });
}

/** Reads the whole stream, then what a filter leaves of it, and compares. @throws Error saying what is wrong */
export async function inspectStream(connection: ChannelModel, books: Books): Promise<void> {
  const channel = await connection.createChannel();
  const { messageCount } = await channel.checkQueue('stream');
  await channel.prefetch(1000);
  const found = await readSome(channel, messageCount, {});
  const [newest] = await readSome(channel, Math.min(1, messageCount), { 'x-stream-offset': 'last' });
  if (newest?.offset !== found.at(-1)?.offset)
    throw new Error(`the stream counts ${messageCount} messages and ends with offset ${newest?.offset}`);
  const wanted = filterValueOf(found[Math.floor(found.length / 2)]?.number ?? 0);
  const expected = found.filter(({ number }) => filterValueOf(number) === wanted);
  const filtered = await readSome(channel, expected.length, { 'x-stream-filter': wanted });
  await channel.close();
  const missed = expected.findIndex(({ offset }, i) => filtered[i]?.offset !== offset);
  if (missed >= 0) throw new Error(`a reader of ${wanted} was not given offset ${expected[missed]?.offset}`);
  books.stream.check(found);
}

async function readSome(channel: Channel, count: number, args: object): Promise<Streamed[]> {
  const found: Streamed[] = [];
  if (count === 0) return found;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve, reject) => {
    timer = setTimeout(() => {
      reject(
        new Error(`the stream has ${count} messages for ${JSON.stringify(args)} and gave ${found.length}`),
      );
    }, inspectionTimeoutMs);
    const take = (message: ConsumeMessage | null) => {
      if (message === null) return reject(new Error('the stream went away'));
      channel.ack(message);
      if (found.push(streamed(message)) === count) resolve();
    };
    channel.consume('stream', take, { arguments: { 'x-stream-offset': 'first', ...args } }).catch(reject);
  });
  clearTimeout(timer);
  return found;
}

/** Messages that follow each other have the same, so that filters can pass by some. */
function filterValueOf(number: number): string {
  return `v${Math.floor(number / 64)}`;
}
