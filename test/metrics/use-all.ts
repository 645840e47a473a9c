import { type ChannelModel, connect } from 'amqplib';

/** Something of everything that the dashboards show. */
export async function useAll(connection: ChannelModel, url: string): Promise<void> {
  const passing = await connect(url);
  await (await passing.createChannel()).close();
  await passing.close();
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('gone');
  await channel.deleteQueue('gone');
  await channel.assertQueue('safe', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  for (let i = 0; i < 7; i++) channel.sendToQueue('safe', Buffer.alloc(500), { persistent: true });
  channel.publish('', 'nowhere', Buffer.from('x'));
  channel.publish('', 'nowhere', Buffer.from('x'), { mandatory: true });
  await channel.waitForConfirms();
  await channel.get('safe', { noAck: true });
  const taken = await channel.get('safe');
  if (taken !== false) channel.nack(taken, false, true);
  await channel.prefetch(1);
  for (const noAck of [false, true]) {
    await new Promise((resolve) => channel.consume('safe', resolve, { noAck, consumerTag: String(noAck) }));
    await channel.cancel(String(noAck));
  }
  await channel.assertQueue('other');
  await channel.get('other');
  channel.sendToQueue('other', Buffer.from('x'));
  await new Promise<void>((resolve) => {
    channel.consume('other', (message) => {
      if (message !== null) channel.ack(message);
      resolve();
    });
  });
  for (let i = 0; i < 2; i++) channel.sendToQueue('safe', Buffer.alloc(500));
  await channel.waitForConfirms();
  await channel.get('safe');
}
