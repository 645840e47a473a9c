/** What delays messages in a broker that knows no delays: a queue in which they expire. */
import { Client } from '../../src/cli/perf/client.ts';
import { parseBrokerUri } from '../../src/cli/perf/uri.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { int32, longString } from '../../src/protocol/field-value.ts';
import { MethodId } from '../../src/protocol/methods.ts';
import { ignoreEvents } from './bindings.ts';

/** Both are gone so long after they were declared: no run takes longer. */
const lifetimeMs = 600_000;

export interface WaitingQueue {
  /** A direct exchange. */
  readonly exchange: string;
  /** With this routing key messages go to the waiting queue, and when they have expired on to the queue of that name. */
  readonly target: string;
  readonly delayMs: number;
}

/** Declares exchange and queue: what comes to the exchange is in the queue `target` so much later. */
export async function declareWaitingQueue(port: number, waiting: WaitingQueue): Promise<void> {
  const { exchange, target, delayMs } = waiting;
  const client = await Client.open(parseBrokerUri(`amqp://127.0.0.1:${port}`), ignoreEvents);
  const queue = `${exchange}.waiting`;
  const lasting = { passive: false, durable: true, noWait: false };
  await client.call(
    {
      id: MethodId.ExchangeDeclare,
      exchange,
      type: 'direct',
      internal: false,
      ...lasting,
      autoDelete: true,
      arguments: FieldTable.empty,
    },
    MethodId.ExchangeDeclareOk,
  );
  const all = FieldTable.of(
    ['x-message-ttl', int32(delayMs)],
    ['x-dead-letter-exchange', longString('')],
    ['x-dead-letter-routing-key', longString(target)],
    ['x-expires', int32(lifetimeMs)],
  );
  await client.call(
    { id: MethodId.QueueDeclare, queue, exclusive: false, ...lasting, autoDelete: false, arguments: all },
    MethodId.QueueDeclareOk,
  );
  await client.call(
    {
      id: MethodId.QueueBind,
      queue,
      exchange,
      routingKey: target,
      noWait: false,
      arguments: FieldTable.empty,
    },
    MethodId.QueueBindOk,
  );
  await client.close();
}
