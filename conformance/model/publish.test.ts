import { expect, test } from 'vitest';
import { openChannel, scenarios } from '../harness/broker.ts';
import {
  barrier,
  expectChannelError,
  expectConnectionError,
  expectOn,
  getText,
} from '../harness/expectations.ts';
import { boundQueue, declareExchange, declareQueue } from '../harness/model.ts';
import type { Fields } from '../raw-codec.ts';

scenarios('1.12 basic.publish', () => {
  test('immediate is not implemented (trap 5)', async () => {
    const channel = await openChannel();
    channel.publish({ routingKey: 'x', immediate: true });
    await expectConnectionError(channel.connection.closedByServer(), {
      code: 540,
      text: 'NOT_IMPLEMENTED - immediate=true',
      method: 'basic.publish',
    });
  });

  test('a missing exchange', async () => {
    const channel = await openChannel();
    channel.publish({ exchange: 'nope' });
    await expectChannelError(channel.closedByServer(), {
      code: 404,
      text: "NOT_FOUND - no exchange 'nope' in vhost '/'",
      method: 'basic.publish',
    });
  });

  test.each([
    ['abc', 'no_integer'],
    ['', 'no_integer'],
    ['-1', '{value_negative,-1}'],
    ['1.5', '{leftover_string,".5"}'],
    ['1000ms', '{leftover_string,"ms"}'],
    ['99999999999999', '{value_too_large,99999999999999}'],
  ])('expiration "%s" is refused', async (expiration, reason) => {
    const channel = await openChannel();
    channel.publish({ routingKey: 'x', properties: { expiration } });
    await expectChannelError(channel.closedByServer(), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid expiration '${expiration}': ${reason}`,
      method: 'basic.publish',
    });
  });

  test.each(['0', '1000', '315360000000'])('expiration "%s" is accepted', async (expiration) => {
    const channel = await openChannel();
    await channel.call('confirm.select');
    channel.publish({ properties: { expiration } });
    expect((await channel.next()).name).toBe('basic.ack');
  });

  test('a delivery mode other than 1 or 2: refused by 3.x, transient in 4.x and Leveret', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    channel.publish({ routingKey: queue, properties: { 'delivery-mode': 3 }, body: 'x' });
    if (expectOn({ rabbitmq: true, leveret: false })) {
      await expectChannelError(channel.closedByServer(), {
        code: 406,
        text: 'PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,3}',
        method: 'basic.publish',
      });
    } else {
      expect(await getText(channel, queue)).toBe('x');
    }
  });

  test("the user_id property must be the user's own", async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    channel.publish({ routingKey: queue, properties: { 'user-id': 'guest' }, body: 'mine' });
    expect(await getText(channel, queue)).toBe('mine');
    channel.publish({ routingKey: queue, properties: { 'user-id': 'bob' } });
    await expectChannelError(channel.closedByServer(), {
      code: 406,
      text: "PRECONDITION_FAILED - user_id property set to 'bob' but authenticated user was 'guest'",
      method: 'basic.publish',
    });
  });

  test("the checks come in RabbitMQ's order: reply_to, user_id, expiration, CC", async () => {
    const wrong = {
      'reply-to': 'amq.rabbitmq.reply-to',
      'user-id': 'bob',
      expiration: 'abc',
      headers: { CC: 'x' },
    };
    const complaints = [
      'fast reply consumer does not exist',
      "user_id property set to 'bob' but authenticated user was 'guest'",
      "invalid expiration 'abc': no_integer",
      'invalid message: {unacceptable_type_in_header,"CC",longstr}',
    ];
    for (const [index, complaint] of complaints.entries()) {
      const channel = await openChannel();
      const properties = Object.fromEntries(Object.entries(wrong).slice(index));
      channel.publish({ routingKey: 'x', properties });
      await expectChannelError(channel.closedByServer(), {
        code: 406,
        text: `PRECONDITION_FAILED - ${complaint}`,
        method: 'basic.publish',
      });
    }
  });

  test.each([
    ['CC', true, 'bool'],
    ['BCC', 1, 'signedint'],
    ['BCC', {}, 'table'],
  ])('a %s header of %j is refused', async (header, value, type) => {
    const channel = await openChannel();
    channel.publish({ routingKey: 'x', properties: { headers: { [header]: value } } });
    await expectChannelError(channel.closedByServer(), {
      code: 406,
      text: `PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"${header}",${type}}`,
      method: 'basic.publish',
    });
  });

  test('an internal exchange takes no messages', async () => {
    const channel = await openChannel();
    channel.publish({ exchange: 'amq.rabbitmq.trace', routingKey: 'x' });
    await expectChannelError(channel.closedByServer(), {
      code: 403,
      text: "ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'",
      method: 'basic.publish',
    });
  });

  test('what nobody wants is dropped without a word', async () => {
    const channel = await openChannel();
    channel.publish({ routingKey: 'nowhere' });
    await barrier(channel);
    expect(channel.arrived).toEqual([]);
  });

  test('the properties of a message reach every queue', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'fanout');
    const queues = [await boundQueue(channel, exchange), await boundQueue(channel, exchange)];
    const properties: Fields = {
      'content-type': 'text/plain',
      'delivery-mode': 2,
      priority: 3,
      type: 'greeting',
    };
    channel.publish({ exchange, properties, body: 'x' });
    for (const queue of queues) {
      expect((await channel.call('basic.get', { queue, 'no-ack': true })).properties).toEqual(properties);
    }
  });
});

scenarios('1.12 returns', () => {
  test('mandatory and unroutable: 312 with the whole message', async () => {
    const channel = await openChannel();
    const exchange = await declareExchange(channel, 'direct');
    const properties = { 'message-id': '7', headers: {} };
    channel.publish({ exchange, routingKey: 'k', mandatory: true, properties, body: 'unwanted' });
    const returned = await channel.next('basic.return');
    expect(returned.fields).toEqual({
      'reply-code': 312,
      'reply-text': 'NO_ROUTE',
      exchange,
      'routing-key': 'k',
    });
    expect([returned.properties, returned.text]).toEqual([properties, 'unwanted']);
  });

  test('the return comes before the confirm (trap 17)', async () => {
    const channel = await openChannel();
    await channel.call('confirm.select');
    channel.publish({ routingKey: 'nowhere', mandatory: true });
    expect([(await channel.next()).name, (await channel.next()).name]).toEqual(['basic.return', 'basic.ack']);
  });

  test('mandatory and routed: no return', async () => {
    const channel = await openChannel();
    const queue = await declareQueue(channel);
    channel.publish({ routingKey: queue, mandatory: true, body: 'x' });
    expect(await getText(channel, queue)).toBe('x');
    expect(channel.arrived).toEqual([]);
  });

  test('an empty body is returned too', async () => {
    const channel = await openChannel();
    channel.publish({ routingKey: 'nowhere', mandatory: true });
    expect((await channel.next('basic.return')).body.length).toBe(0);
  });
});
