import { setTimeout as delay } from 'node:timers/promises';
import type { Channel } from 'amqplib';
import type { Client } from './client.ts';

/** Queues that are there at a time. */
const queuesMax = 20;

/** Declares, binds and deletes exchanges and queues that nobody looks at, as long as `isOpen` says so. */
export async function churnDefinitions(
  connect: () => Promise<Client>,
  random: () => number,
  isOpen: () => boolean,
): Promise<void> {
  while (isOpen()) {
    try {
      const client = await connect();
      const channel = await client.connection.createChannel();
      channel.on('error', () => {});
      while (isOpen()) {
        await churnOnce(channel, random);
        await delay(random() * 20);
      }
      for (let i = 0; i < queuesMax; i++) await channel.deleteQueue(`churn-${i}`);
      for (const type of ['topic', 'fanout']) await channel.deleteExchange(`churn-${type}`);
      await client.close();
    } catch {
      // The broker was killed: whatever is there is there.
      await delay(20);
    }
  }
}

async function churnOnce(channel: Channel, random: () => number): Promise<void> {
  const name = `churn-${Math.floor(random() * queuesMax)}`;
  const type = random() < 0.5 ? 'topic' : 'fanout';
  if (random() < 0.5) {
    await channel.deleteQueue(name);
    return;
  }
  await channel.assertExchange(`churn-${type}`, type);
  await channel.assertQueue(name, { expires: 60_000 });
  await channel.bindQueue(name, `churn-${type}`, `a.${Math.floor(random() * 5)}.#`);
  channel.publish(`churn-${type}`, 'a.1.b', Buffer.alloc(200), { persistent: true, expiration: '5000' });
}
