import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { brokerName, configureLeveret, openConnection, scenarios } from '../harness/broker.ts';
import { barrier, expectChannelError, getText } from '../harness/expectations.ts';
import { ack, consume, declareQueue, publishTexts } from '../harness/model.ts';
import type { RawChannel } from '../raw-client.ts';

/** consumer_timeout of the broker; 0: too long to wait for. */
const timeoutMs = brokerName === 'leveret' ? 300 : Number(process.env['CONFORMANCE_CONSUMER_TIMEOUT'] ?? 0);
configureLeveret({ consumerTimeoutMs: timeoutMs });

/** A client that does not understand basic.cancel from the broker. */
const withoutNotify = { capabilities: { publisher_confirms: true, 'basic.nack': true } };

const timedOut = {
  code: 406,
  text: new RegExp(
    `^PRECONDITION_FAILED - delivery acknowledgement on channel \\d+ timed out\\. Timeout value used: ${timeoutMs} ms\\. This timeout value can be configured, see consumers doc guide to learn more$`,
  ),
  method: '0/0',
} as const;

/** A channel and a queue with one message. */
async function setting(options = {}): Promise<[channel: RawChannel, queue: string]> {
  const channel = await (await openConnection(options)).channel();
  const queue = await declareQueue(channel);
  publishTexts(channel, queue, 'late');
  await barrier(channel);
  return [channel, queue];
}

async function halfTimeout(): Promise<void> {
  await delay(timeoutMs / 2);
}

if (timeoutMs === 0) {
  test.skip('1.21 consumer timeout: CONFORMANCE_CONSUMER_TIMEOUT is not set');
} else {
  scenarios(
    '1.21 consumer timeout',
    () => {
      test('the channel is closed and the message back in its queue', async () => {
        const [channel, queue] = await setting(withoutNotify);
        await consume(channel, queue);
        await channel.next('basic.deliver');
        await expectChannelError(channel.closedByServer(), timedOut);
        expect(await getText(await channel.connection.channel(), queue)).toBe('late');
      });

      test('basic.get is no exception, whatever the client understands', async () => {
        const [channel, queue] = await setting();
        await channel.call('basic.get', { queue });
        await expectChannelError(channel.closedByServer(), timedOut);
        expect(await getText(await channel.connection.channel(), queue)).toBe('late');
      });

      test('what is settled in time, or needs no acknowledgement, is not minded', async () => {
        const [channel, queue] = await setting(withoutNotify);
        publishTexts(channel, queue, 'also');
        await consume(channel, queue);
        for (let i = 0; i < 2; i++) {
          const { deliveryTag } = await channel.next('basic.deliver');
          await halfTimeout();
          ack(channel, deliveryTag);
        }
        await consume(channel, await declareQueue(channel), { 'no-ack': true });
        await halfTimeout();
        await halfTimeout();
        await barrier(channel);
      });

      test('a consumer that understands basic.cancel', async () => {
        const [channel, queue] = await setting();
        const [other, elsewhere] = [await declareQueue(channel), await channel.connection.channel()];
        const tag = await consume(channel, queue);
        const { deliveryTag } = await channel.next('basic.deliver');
        if (brokerName === 'rabbitmq') {
          await expectChannelError(channel.closedByServer(), timedOut);
          return;
        }
        // As RabbitMQ 4.3's quorum queues: only that consumer, only its message, and the channel lives.
        const bystander = await consume(channel, other);
        const cancel = await channel.next('basic.cancel');
        expect(cancel.fields).toMatchObject({ 'consumer-tag': tag, 'no-wait': true });
        expect(await getText(elsewhere, queue)).toBe('late');
        ack(channel, deliveryTag);
        publishTexts(channel, other, 'in time');
        const delivery = await channel.next('basic.deliver');
        expect(delivery.fields['consumer-tag']).toBe(bystander);
        ack(channel, delivery.deliveryTag);
        await barrier(channel);
        ack(channel, deliveryTag);
        await expectChannelError(channel.closedByServer(), {
          code: 406,
          text: `PRECONDITION_FAILED - unknown delivery tag ${deliveryTag}`,
          method: 'basic.ack',
        });
      });

      if (brokerName === 'leveret') {
        test('x-consumer-timeout of a consumer counts before that of its queue, and both before the setting', async () => {
          const channel = await (await openConnection()).channel();
          const patient = { 'x-consumer-timeout': timeoutMs * 100 };
          const [first, second, third] = [
            await declareQueue(channel, { arguments: patient }),
            await declareQueue(channel, { arguments: patient }),
            await declareQueue(channel),
          ];
          publishTexts(channel, first, 'a');
          publishTexts(channel, second, 'b');
          publishTexts(channel, third, 'c');
          await consume(channel, first);
          const impatient = { 'x-consumer-timeout': timeoutMs / 3 };
          const tag = await consume(channel, second, { arguments: impatient });
          await consume(channel, third, { arguments: patient });
          for (let i = 0; i < 3; i++) await channel.next('basic.deliver');
          expect((await channel.next('basic.cancel')).fields['consumer-tag']).toBe(tag);
          await halfTimeout();
          await halfTimeout();
          await halfTimeout();
          await barrier(channel);
          expect(channel.arrived.map(({ name }) => name)).toEqual([]);
        });
      }
    },
    { concurrent: true },
  );
}
