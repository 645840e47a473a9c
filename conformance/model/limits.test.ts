import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openChannel, openConnection, scenarios } from '../harness/broker.ts';
import {
  barrier,
  drain,
  eventually,
  expectChannelError,
  getText,
  queueCounts,
} from '../harness/expectations.ts';
import {
  ack,
  bindQueue,
  boundQueue,
  consume,
  declareExchange,
  declareQueue,
  deliveries,
  nack,
  publishTexts,
  textsOf,
} from '../harness/model.ts';
import type { Command, RawChannel } from '../raw-client.ts';
import type { Table } from '../raw-codec.ts';

/** A channel in confirm mode and a queue with these arguments. */
async function confirming(args: Table): Promise<{ channel: RawChannel; queue: string }> {
  const channel = await openChannel();
  const queue = await declareQueue(channel, { arguments: args });
  await channel.call('confirm.select');
  return { channel, queue };
}

/** Publishes one message and waits for the verdict: `ack` or `nack`. */
async function verdictOn(channel: RawChannel, queue: string, body: string): Promise<string> {
  publishTexts(channel, queue, body);
  return (await channel.next('basic.ack', 'basic.nack')).name;
}

async function verdicts(channel: RawChannel, queue: string, ...bodies: string[]): Promise<string[]> {
  const seen: string[] = [];
  for (const body of bodies) seen.push((await verdictOn(channel, queue, body)).replace('basic.', ''));
  return seen;
}

/** The messages that were dead-lettered into a queue, once there are `count` of them. */
async function letters(channel: RawChannel, graveyard: string, count: number): Promise<Command[]> {
  await eventually(async () => expect((await queueCounts(channel, graveyard)).messages).toBe(count));
  const found: Command[] = [];
  while (found.length < count) {
    found.push(await channel.call('basic.get', { queue: graveyard, 'no-ack': true }));
  }
  return found;
}

function reasonOf(letter: Command): unknown {
  return letter.headers?.['x-first-death-reason'];
}

scenarios('2.3 length limits: drop-head', () => {
  test('the oldest leaves, and the publish is confirmed', async () => {
    const { channel, queue } = await confirming({ 'x-max-length': 2 });
    expect(await verdicts(channel, queue, 'a', 'b', 'c', 'd')).toEqual(['ack', 'ack', 'ack', 'ack']);
    expect(await drain(channel, queue)).toEqual(['c', 'd']);
  });

  test('published in one go', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, {
      arguments: { 'x-max-length': 3, 'x-overflow': 'drop-head' },
    });
    publishTexts(channel, queue, ...'abcdefgh');
    expect(await drain(channel, queue)).toEqual(['f', 'g', 'h']);
  });

  test('length 0 keeps nothing', async () => {
    const { channel, queue } = await confirming({ 'x-max-length': 0 });
    expect(await verdicts(channel, queue, 'a')).toEqual(['ack']);
    expect(await getText(channel, queue)).toBeUndefined();
  });

  test('length 0 still feeds a waiting consumer', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: { 'x-max-length': 0 } });
    await consume(channel, queue);
    publishTexts(channel, queue, 'a', 'b');
    expect(textsOf(await deliveries(channel, 2))).toEqual(['a', 'b']);
  });

  test('bytes count bodies only', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: { 'x-max-length-bytes': 10 } });
    publishTexts(channel, queue, '1234', '567890');
    channel.publish({ routingKey: queue, properties: { headers: { long: 'x'.repeat(100) } } });
    expect(await drain(channel, queue)).toEqual(['1234', '567890', '']);
    publishTexts(channel, queue, '1234', '5678', '90a');
    expect(await drain(channel, queue)).toEqual(['5678', '90a']);
  });

  test('a body larger than the limit empties the queue', async () => {
    const { channel, queue } = await confirming({ 'x-max-length-bytes': 10 });
    expect(await verdicts(channel, queue, 'a', 'b', 'much too long for it')).toEqual(['ack', 'ack', 'ack']);
    expect(await drain(channel, queue)).toEqual([]);
  });

  test('with both limits the tighter one counts', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, {
      arguments: { 'x-max-length': 3, 'x-max-length-bytes': 5 },
    });
    publishTexts(channel, queue, 'a', 'b', 'c', 'd');
    expect(await drain(channel, queue)).toEqual(['b', 'c', 'd']);
    publishTexts(channel, queue, '1', '22', '333');
    expect(await drain(channel, queue)).toEqual(['22', '333']);
  });

  test('what consumers hold does not count (trap 32)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: { 'x-max-length': 2 } });
    await channel.call('basic.qos', { 'prefetch-count': 2 });
    const tag = await consume(channel, queue);
    publishTexts(channel, queue, 'a', 'b', 'c', 'd', 'e');
    expect(textsOf(await deliveries(channel, 2))).toEqual(['a', 'b']);
    await channel.call('basic.cancel', { 'consumer-tag': tag });
    expect(await drain(channel, queue)).toEqual(['d', 'e']);
  });

  test('requeueing over the limit drops the head (trap 32)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: { 'x-max-length': 2 } });
    publishTexts(channel, queue, 'a', 'b');
    const held = await channel.call('basic.get', { queue });
    publishTexts(channel, queue, 'c');
    nack(channel, held.deliveryTag);
    await barrier(channel);
    expect(await drain(channel, queue)).toEqual(['b', 'c']);
  });

  test('several requeued at once: the newest stay', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: { 'x-max-length': 2 } });
    publishTexts(channel, queue, 'a', 'b');
    await channel.call('basic.get', { queue });
    await channel.call('basic.get', { queue });
    publishTexts(channel, queue, 'c', 'd');
    const { deliveryTag } = await channel.call('basic.get', { queue });
    nack(channel, deliveryTag, { multiple: true });
    await barrier(channel);
    expect(await drain(channel, queue)).toEqual(['c', 'd']);
  });

  test('what a closed channel held comes back and is dropped', async () => {
    const connection = await openConnection();
    const [one, two] = [await connection.channel(), await connection.channel()];
    const queue = await declareQueue(one, { arguments: { 'x-max-length': 1 } });
    publishTexts(one, queue, 'a');
    await two.call('basic.get', { queue });
    publishTexts(one, queue, 'b');
    await barrier(one);
    await two.close();
    await eventually(async () => expect((await queueCounts(one, queue)).messages).toBe(1));
    expect(await drain(one, queue)).toEqual(['b']);
  });

  test('the dropped are dead-lettered with reason maxlen, oldest first', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'fanout');
    const graveyard = await boundQueue(channel, exchange);
    const queue = await declareQueue(channel, {
      arguments: { 'x-max-length': 1, 'x-dead-letter-exchange': exchange },
    });
    publishTexts(channel, queue, 'a', 'b', 'c');
    const dropped = await letters(channel, graveyard, 2);
    expect(textsOf(dropped)).toEqual(['a', 'b']);
    expect(dropped.map(reasonOf)).toEqual(['maxlen', 'maxlen']);
    expect(await drain(channel, queue)).toEqual(['c']);
  });

  test('a queue that dead-letters into itself does not spin', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: { 'x-max-length': 1 } });
    const self = await declareQueue(channel, {
      arguments: {
        'x-max-length': 1,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': queue,
      },
    });
    publishTexts(channel, self, 'a', 'b');
    await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(1));
    expect([await drain(channel, queue), await drain(channel, self)]).toEqual([['a'], ['b']]);
  });

  test('purge and delete count what is left', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: { 'x-max-length': 2 } });
    publishTexts(channel, queue, 'a', 'b', 'c');
    await channel.call('basic.get', { queue });
    expect((await channel.call('queue.purge', { queue })).number('message-count')).toBe(1);
    publishTexts(channel, queue, 'd', 'e', 'f');
    await barrier(channel);
    await eventually(async () => expect((await queueCounts(channel, queue)).messages).toBe(2));
    expect((await channel.call('queue.delete', { queue })).number('message-count')).toBe(2);
  });

  test('an expired head makes room before anything is dropped', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: { 'x-max-length': 2 } });
    channel.publish({ routingKey: queue, properties: { expiration: '30' }, body: 'brief' });
    publishTexts(channel, queue, 'a');
    await delay(150);
    publishTexts(channel, queue, 'b');
    expect(await drain(channel, queue)).toEqual(['a', 'b']);
  });
});

scenarios('2.3 length limits: reject-publish', () => {
  test('what is too much is refused with basic.nack', async () => {
    const { channel, queue } = await confirming({ 'x-max-length': 2, 'x-overflow': 'reject-publish' });
    expect(await verdicts(channel, queue, 'a', 'b', 'c', 'd')).toEqual(['ack', 'ack', 'nack', 'nack']);
    expect(await drain(channel, queue)).toEqual(['a', 'b']);
    expect(await verdicts(channel, queue, 'e')).toEqual(['ack']);
  });

  test('every publish is answered exactly once, in one go', async () => {
    const { channel, queue } = await confirming({ 'x-max-length': 10, 'x-overflow': 'reject-publish' });
    for (let i = 0; i < 100; i++) publishTexts(channel, queue, `${i}`);
    const outcome = new Map<number, string>();
    let acked = 0;
    while (outcome.size < 100) {
      const confirm = await channel.next('basic.ack', 'basic.nack');
      const from = confirm.fields['multiple'] === true ? 1 : confirm.deliveryTag;
      for (let tag = from; tag <= confirm.deliveryTag; tag++) {
        if (outcome.has(tag)) expect(confirm.fields['multiple']).toBe(true);
        else outcome.set(tag, confirm.name);
      }
    }
    for (const name of outcome.values()) if (name === 'basic.ack') acked++;
    expect(acked).toBe(10);
    for (let tag = 1; tag <= 10; tag++) expect(outcome.get(tag)).toBe('basic.ack');
  });

  test('without confirms it is dropped without a word', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, {
      arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    });
    publishTexts(channel, queue, 'a', 'b');
    expect(await drain(channel, queue)).toEqual(['a']);
  });

  test('bytes', async () => {
    const { channel, queue } = await confirming({ 'x-max-length-bytes': 5, 'x-overflow': 'reject-publish' });
    expect(await verdicts(channel, queue, '123', '456', '45', '', '6')).toEqual([
      'ack',
      'nack',
      'ack',
      'ack',
      'nack',
    ]);
    expect(await drain(channel, queue)).toEqual(['123', '45', '']);
  });

  test('length 0 refuses even what a waiting consumer could take', async () => {
    const { channel, queue } = await confirming({ 'x-max-length': 0, 'x-overflow': 'reject-publish' });
    await consume(channel, queue);
    expect(await verdicts(channel, queue, 'a')).toEqual(['nack']);
  });

  test('what consumers take makes room', async () => {
    const { channel, queue } = await confirming({ 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    await consume(channel, queue, { 'no-ack': true });
    for (const body of 'abcdef') publishTexts(channel, queue, body);
    expect(textsOf(await deliveries(channel, 6))).toEqual([...'abcdef']);
  });

  test('a refused message is not returned (trap 17)', async () => {
    const { channel, queue } = await confirming({ 'x-max-length': 0, 'x-overflow': 'reject-publish' });
    channel.publish({ routingKey: queue, mandatory: true, body: 'x' });
    expect((await channel.next()).name).toBe('basic.nack');
  });

  test('one queue refuses, the others keep their copy (trap 18)', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'fanout');
    const full = await declareQueue(channel, {
      arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    });
    const durable = await declareQueue(channel, { durable: true });
    for (const queue of [full, durable]) await bindQueue(channel, exchange, queue);
    await channel.call('confirm.select');
    for (const body of ['a', 'b']) {
      channel.publish({ exchange, properties: { 'delivery-mode': 2 }, body });
      const confirm = await channel.next('basic.ack', 'basic.nack');
      expect(confirm.name).toBe(body === 'a' ? 'basic.ack' : 'basic.nack');
    }
    expect(await drain(channel, full)).toEqual(['a']);
    expect(await drain(channel, durable)).toEqual(['a', 'b']);
  });

  test('what is requeued is not refused and nothing is dropped for it', async () => {
    const { channel, queue } = await confirming({ 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    expect(await verdicts(channel, queue, 'a')).toEqual(['ack']);
    const held = await channel.call('basic.get', { queue });
    expect(await verdicts(channel, queue, 'b')).toEqual(['ack']);
    nack(channel, held.deliveryTag);
    expect(await verdicts(channel, queue, 'c')).toEqual(['nack']);
    expect(await drain(channel, queue)).toEqual(['a', 'b']);
  });

  test('a dead letter for a full queue is lost', async () => {
    const channel = await openChannel();
    const full = await declareQueue(channel, {
      arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    });
    const queue = await declareQueue(channel, {
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': full },
    });
    publishTexts(channel, full, 'there');
    publishTexts(channel, queue, 'late');
    nack(channel, (await channel.call('basic.get', { queue })).deliveryTag, { requeue: false });
    await barrier(channel);
    expect(await drain(channel, full)).toEqual(['there']);
  });

  test('a transaction with a refused message fails, what was accepted stays (1.14)', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, {
      arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    });
    await channel.call('tx.select');
    publishTexts(channel, queue, 'a', 'b');
    await expectChannelError(channel.call('tx.commit'), {
      code: 406,
      text: 'PRECONDITION_FAILED - partial tx completion',
      method: 'tx.commit',
    });
    expect(await drain(await openChannel(), queue)).toEqual(['a']);
  });

  test('acknowledgements of that transaction hold', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, {
      arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    });
    publishTexts(channel, queue, 'a');
    await channel.call('tx.select');
    ack(channel, (await channel.call('basic.get', { queue })).deliveryTag);
    publishTexts(channel, queue, 'b', 'c');
    await expectChannelError(channel.call('tx.commit'), {
      code: 406,
      text: 'PRECONDITION_FAILED - partial tx completion',
      method: 'tx.commit',
    });
    expect(await drain(await openChannel(), queue)).toEqual(['b']);
  });
});

scenarios('2.3 length limits: reject-publish-dlx', () => {
  test('the refused message is dead-lettered too', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'fanout');
    const graveyard = await boundQueue(channel, exchange);
    const queue = await declareQueue(channel, {
      arguments: {
        'x-max-length': 1,
        'x-overflow': 'reject-publish-dlx',
        'x-dead-letter-exchange': exchange,
      },
    });
    await channel.call('confirm.select');
    expect(await verdicts(channel, queue, 'a', 'b')).toEqual(['ack', 'nack']);
    const [letter] = await letters(channel, graveyard, 1);
    expect(letter?.text).toBe('b');
    expect(letter?.headers).toMatchObject({
      'x-first-death-reason': 'maxlen',
      'x-first-death-queue': queue,
      'x-first-death-exchange': '',
    });
    expect(await drain(channel, queue)).toEqual(['a']);
  });

  test('without a dead-letter exchange it is reject-publish', async () => {
    const { channel, queue } = await confirming({ 'x-max-length': 1, 'x-overflow': 'reject-publish-dlx' });
    expect(await verdicts(channel, queue, 'a', 'b')).toEqual(['ack', 'nack']);
    expect(await drain(channel, queue)).toEqual(['a']);
  });
});

scenarios('2.3 length limits: arguments', () => {
  test.each([
    ['x-max-length', -1, '{value_negative,-1}'],
    ['x-max-length', 'many', '"expected integer, got longstr"'],
    ['x-max-length-bytes', -5, '{value_negative,-5}'],
    ['x-overflow', 'spill', 'invalid_overflow'],
    ['x-overflow', 1, '{unacceptable_type,signedint}'],
  ])('%s: %s', async (key, value, fault) => {
    const channel = await openChannel();
    const queue = `conformance-refused-${key}`;
    await expectChannelError(channel.call('queue.declare', { queue, arguments: { [key]: value } }), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid arg '${key}' for queue '${queue}' in vhost '/': ${fault}`,
      method: 'queue.declare',
    });
  });

  test('another length is another queue', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel, { arguments: { 'x-max-length': 1 } });
    await expectChannelError(channel.call('queue.declare', { queue, arguments: { 'x-max-length': 2 } }), {
      code: 406,
      text: `PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue '${queue}' in vhost '/': received '2' but current is '1'`,
      method: 'queue.declare',
    });
  });
});
