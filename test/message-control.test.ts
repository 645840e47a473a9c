import { rm } from 'node:fs/promises';
import amqplib, { type ConfirmChannel } from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type QueuedMessage, type RunningBroker, startBroker } from '../src/index.ts';
import { newDirectory } from './storage/support.ts';

let broker: RunningBroker;
let channel: ConfirmChannel;
let dataDir: string;

async function start(): Promise<void> {
  broker = await startBroker({ port: 0, dataDir });
  const connection = await amqplib.connect(broker.url.replace('amqp://', 'amqp://guest:guest@'));
  channel = await connection.createConfirmChannel();
}

beforeEach(async () => {
  dataDir = newDirectory();
  await start();
});

afterEach(async () => {
  await broker.close();
  await rm(dataDir, { recursive: true });
});

async function publish(queue: string, bodies: readonly string[]): Promise<void> {
  for (const body of bodies) {
    channel.sendToQueue(queue, Buffer.from(body), { persistent: true });
  }
  await channel.waitForConfirms();
}

function peeked(queue: string): string[] {
  const bodies: string[] = [];
  let from: string | undefined;
  do {
    const page = broker.peekMessages({ queue, limit: 7, ...(from !== undefined && { from }) });
    bodies.push(...page.messages.map(textOf));
    from = page.next;
  } while (from !== undefined);
  return bodies;
}

const textOf = ({ body }: QueuedMessage) => body.toString();
const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));
const isOdd = (message: QueuedMessage) => Number(textOf(message)) % 2 === 1;

describe('tailing', () => {
  it('shows what comes to a queue or an exchange until the loop ends, or what is watched', async () => {
    await channel.assertQueue('watched');
    const bodies: string[] = [];
    const ofQueue = broker.tailMessages({ queue: 'watched', where: (message) => textOf(message) !== 'b' });
    const ofExchange = broker.tailMessages({ exchange: 'amq.fanout', truncate: 2 });
    await publish('watched', ['a', 'b', 'c']);
    for await (const event of ofQueue) {
      if ('missed' in event) continue;
      bodies.push(textOf(event));
      if (bodies.length === 2) await channel.deleteQueue('watched');
    }
    expect(bodies).toEqual(['a', 'c']);
    channel.publish('amq.fanout', 'key', Buffer.from('nowhere'));
    for await (const event of ofExchange) {
      expect(event).toMatchObject({ routingKey: 'key', bodySize: 7, body: Buffer.from('no') });
      break;
    }
    expect(() => broker.tailMessages({ queue: 'watched' })).toThrow("no queue 'watched'");
  });

  it('counts what is too much for who is slow, and ends when told to', async () => {
    await channel.assertQueue('flood');
    const end = new AbortController();
    const events = broker.tailMessages({ queue: 'flood', signal: end.signal });
    await publish('flood', Array.from({ length: 600 }, String));
    let [seen, missed] = [0, 0];
    for await (const event of events) {
      if ('missed' in event) missed += event.missed;
      else seen++;
      if (seen + missed === 600) end.abort();
    }
    expect([seen, missed]).toEqual([500, 100]);
  });
});

describe('peekMessages', () => {
  it('shows what consumers will get, page by page, and changes nothing, not even over a restart', async () => {
    await channel.assertQueue('q');
    await publish('q', numbers(20));
    expect(peeked('q')).toEqual(numbers(20));
    const [first] = broker.peekMessages({ queue: 'q', limit: 1 }).messages;
    expect(first).toMatchObject({ exchange: '', routingKey: 'q', redelivered: false });
    expect(Math.abs((first?.enqueuedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    await broker.close();
    await start();
    expect(peeked('q')).toEqual(numbers(20));
    const taken = await channel.get('q');
    if (taken === false) throw new Error('nothing there');
    expect(taken.fields.redelivered).toBe(false);
    expect(peeked('q')).toEqual(numbers(20).slice(1));
    channel.nack(taken);
    await channel.checkQueue('q');
    const { messages } = broker.peekMessages({ queue: 'q', limit: 2 });
    expect(messages.map(({ redelivered }) => redelivered)).toEqual([true, false]);
  });

  it('shows the highest priority first, and only what is wanted', async () => {
    await channel.assertQueue('q', { maxPriority: 3 });
    for (const [priority, body] of [
      [0, 'low'],
      [3, 'high'],
      [1, 'middle'],
    ] as const) {
      channel.sendToQueue('q', Buffer.from(body), { priority });
    }
    await channel.waitForConfirms();
    expect(peeked('q')).toEqual(['high', 'middle', 'low']);
    const { messages } = broker.peekMessages({
      queue: 'q',
      where: (message) => textOf(message) !== 'middle',
    });
    expect(messages.map(textOf)).toEqual(['high', 'low']);
  });

  it('says what is missing', () => {
    expect(() => broker.peekMessages({ queue: 'nosuch' })).toThrow("no queue 'nosuch' in vhost '/'");
    expect(() => broker.peekMessages({ vhost: 'v', queue: 'q' })).toThrow("vhost 'v' not found");
  });
});

describe('moveMessages', () => {
  it('moves a queue into another, in order, and it stays so', async () => {
    await channel.assertQueue('from');
    await channel.assertQueue('to');
    await publish('from', numbers(1200));
    const result = await broker.moveMessages({ queue: 'from', to: { queue: 'to' } });
    expect(result).toEqual({ moved: 1200, passedOver: 0, unroutable: 0, refused: false });
    await broker.close();
    await start();
    expect([peeked('from'), peeked('to')]).toEqual([[], numbers(1200)]);
  });

  it('moves what is wanted; the rest keeps its place', async () => {
    await channel.assertQueue('from');
    await channel.assertQueue('to');
    await publish('from', numbers(20));
    const request = { queue: 'from', to: { queue: 'to' }, where: isOdd, limit: 3 };
    expect(await broker.moveMessages(request)).toEqual({
      moved: 3,
      passedOver: 3,
      unroutable: 0,
      refused: false,
    });
    expect(peeked('to')).toEqual(['1', '3', '5']);
    expect(peeked('from')).toEqual(numbers(20).filter((body) => !['1', '3', '5'].includes(body)));
  });

  it('rehearses without moving anything, and takes its time', async () => {
    await channel.assertQueue('from');
    await channel.assertQueue('to');
    await publish('from', numbers(1200));
    const request = { queue: 'from', to: { queue: 'to' }, where: isOdd };
    const expected = { moved: 600, passedOver: 600, unroutable: 0, refused: false };
    expect(await broker.moveMessages({ ...request, dryRun: true })).toEqual(expected);
    expect([peeked('from').length, peeked('to').length]).toEqual([1200, 0]);
    const startedAt = performance.now();
    const slow = { queue: 'from', to: { queue: 'to' }, limit: 30, ratePerSecond: 100 };
    expect((await broker.moveMessages(slow)).moved).toBe(30);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(290);
  });

  it('leaves what is unroutable or refused where it is', async () => {
    await channel.assertQueue('from');
    await publish('from', numbers(3));
    const nowhere = await broker.moveMessages({ queue: 'from', to: { exchange: 'amq.direct' } });
    expect(nowhere).toEqual({ moved: 0, passedOver: 0, unroutable: 3, refused: false });
    await channel.assertQueue('full', { maxLength: 2, arguments: { 'x-overflow': 'reject-publish' } });
    const full = await broker.moveMessages({ queue: 'from', to: { queue: 'full' } });
    expect(full).toEqual({ moved: 2, passedOver: 0, unroutable: 0, refused: true });
    expect([peeked('from'), peeked('full')]).toEqual([['2'], ['0', '1']]);
  });

  it('loses nothing when a filter throws', async () => {
    await channel.assertQueue('from');
    await channel.assertQueue('to');
    await publish('from', numbers(5));
    const where = (message: QueuedMessage) => {
      if (textOf(message) === '3') throw new Error('a bad filter');
      return true;
    };
    await expect(broker.moveMessages({ queue: 'from', to: { queue: 'to' }, where })).rejects.toThrow(
      'a bad filter',
    );
    expect(peeked('from')).toEqual(numbers(5));
  });

  it('refuses what cannot be', async () => {
    await channel.assertQueue('q');
    await channel.assertQueue('limited', { arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 } });
    const to = { queue: 'q' };
    await expect(broker.moveMessages({ queue: 'q', to })).rejects.toThrow("'q' is where the messages are");
    await expect(broker.moveMessages({ queue: 'limited', to, where: isOdd })).rejects.toThrow(
      'delivery limit',
    );
    const nosuch = { exchange: 'nosuch' };
    await expect(broker.moveMessages({ queue: 'q', to: nosuch })).rejects.toThrow("no exchange 'nosuch'");
  });
});

describe('changeQueueArguments', () => {
  it('changes limits and times in place, for good', async () => {
    await channel.assertQueue('q', { maxLength: 100, arguments: { 'x-max-priority': 2 } });
    await publish('q', numbers(10));
    const all = { 'x-max-length': 4, 'x-max-priority': 2, 'x-overflow': 'reject-publish' };
    await broker.changeQueueArguments({ queue: 'q', arguments: { ...all, 'x-overflow': 'drop-head' } });
    expect(peeked('q')).toEqual(['6', '7', '8', '9']);
    await broker.changeQueueArguments({ queue: 'q', arguments: all });
    await broker.close();
    await start();
    const refused = new Promise((resolve) => {
      channel.sendToQueue('q', Buffer.from('one too many'), {}, resolve);
    });
    expect(await refused).toBeInstanceOf(Error);
    await channel.assertQueue('q', {
      maxLength: 4,
      maxPriority: 2,
      arguments: { 'x-overflow': 'reject-publish' },
    });
    expect(peeked('q')).toEqual(['6', '7', '8', '9']);
  });

  it.each<[Record<string, string | number>, string]>([
    [{ 'x-max-length': -1 }, "invalid arg 'x-max-length' for queue 'q' in vhost '/': {value_negative,-1}"],
    [{ 'x-queue-type': 'quorum' }, "arg 'x-queue-type' of queue 'q' in vhost '/' cannot be changed"],
    [{ 'x-max-priority': 5 }, "arg 'x-max-priority' of queue 'q' in vhost '/' cannot be changed"],
    [{}, "arg 'x-single-active-consumer' of queue 'q' in vhost '/' cannot be changed"],
  ])('refuses %j', async (all, text) => {
    const active = { 'x-single-active-consumer': true };
    await channel.assertQueue('q', { arguments: active });
    const given = Object.keys(all).length === 0 ? {} : { ...active, ...all };
    await expect(broker.changeQueueArguments({ queue: 'q', arguments: given })).rejects.toThrow(text);
    await channel.assertQueue('q', { arguments: active });
  });
});

describe('replayDeadLetters', () => {
  it('sends dead letters back to where they died, as they were published', async () => {
    await channel.assertExchange('orders', 'topic');
    await channel.assertQueue('dead');
    for (const queue of ['a', 'b']) {
      await channel.assertQueue(queue, {
        arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' },
      });
      await channel.bindQueue(queue, 'orders', '#');
    }
    channel.publish('orders', 'eu.new', Buffer.from('order'), { persistent: true, headers: { h: 1 } });
    await channel.waitForConfirms();
    const taken = await channel.get('b');
    if (taken !== false) channel.nack(taken, false, false);
    await publish('dead', ['no letter']);
    expect(peeked('dead')).toEqual(['order', 'no letter']);
    expect(await broker.replayDeadLetters({ queue: 'dead' })).toEqual({
      moved: 1,
      passedOver: 0,
      unroutable: 1,
      refused: false,
    });
    expect([peeked('a'), peeked('b'), peeked('dead')]).toEqual([['order'], ['order'], ['no letter']]);
    const back = await channel.get('b');
    expect(back).toMatchObject({
      fields: { exchange: 'orders', routingKey: 'eu.new', redelivered: false },
      properties: { headers: { h: 1 } },
    });
    expect(back !== false && back.properties.headers).toEqual({ h: 1 });
  });
});
