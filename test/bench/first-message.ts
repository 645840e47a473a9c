import { Client } from '../../src/cli/perf/client.ts';
import { parseBrokerUri } from '../../src/cli/perf/uri.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { MethodId } from '../../src/protocol/methods.ts';
import { ignoreEvents } from './bindings.ts';

/** Waits until a consumer of `queue` has got a message; the message goes back to the queue. */
export async function firstMessage(port: number, queue: string): Promise<void> {
  let arrived = () => {};
  const message = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const client = await Client.open(parseBrokerUri(`amqp://127.0.0.1:${port}`), {
    ...ignoreEvents,
    body: () => arrived(),
  });
  await client.call(
    { id: MethodId.BasicQos, prefetchSize: 0, prefetchCount: 1, global: false },
    MethodId.BasicQosOk,
  );
  await client.call(
    {
      id: MethodId.BasicConsume,
      queue,
      consumerTag: '',
      noLocal: false,
      noAck: false,
      exclusive: false,
      noWait: false,
      arguments: FieldTable.empty,
    },
    MethodId.BasicConsumeOk,
  );
  await Promise.race([message, client.lost]);
  await client.close();
}
