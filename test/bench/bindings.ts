/** Bindings by the hundred, which amqpload cannot make: declared before the load starts. */
import { Client, type ClientEvents } from '../../src/cli/perf/client.ts';
import { parseBrokerUri } from '../../src/cli/perf/uri.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { MethodId } from '../../src/protocol/methods.ts';

export const ignoreEvents: ClientEvents = { method() {}, header() {}, body() {}, chunkEnd() {} };

export interface TopicBindings {
  readonly exchange: string;
  readonly queuePrefix: string;
  readonly queues: number;
  /** In all; spread over the queues. */
  readonly bindings: number;
}

/**
 * A topic exchange with queues that amqpload's `--queues` will find and publish to by their names,
 * `prefix.q-0` and so on. The patterns all start like those names, so that a broker has to look at them;
 * two match for each queue, `#` and `*` among them, and the others need a third word.
 */
export async function declareTopicBindings(port: number, topology: TopicBindings): Promise<void> {
  const client = await Client.open(parseBrokerUri(`amqp://127.0.0.1:${port}`), ignoreEvents);
  const { exchange, queues, queuePrefix, bindings } = topology;
  const lasting = { durable: false, autoDelete: false, noWait: false, arguments: FieldTable.empty };
  await client.call(
    { id: MethodId.ExchangeDeclare, exchange, type: 'topic', passive: false, internal: false, ...lasting },
    MethodId.ExchangeDeclareOk,
  );
  for (let index = 0; index < queues; index++) {
    await client.call(
      {
        id: MethodId.QueueDeclare,
        queue: `${queuePrefix}q-${index}`,
        passive: false,
        exclusive: false,
        ...lasting,
      },
      MethodId.QueueDeclareOk,
    );
  }
  for (let index = 0; index < bindings; index++) {
    const queue = `${queuePrefix}q-${index % queues}`;
    await client.call(
      {
        id: MethodId.QueueBind,
        queue,
        exchange,
        routingKey: patternOf(Math.floor(index / queues), queue),
        noWait: false,
        arguments: FieldTable.empty,
      },
      MethodId.QueueBindOk,
    );
  }
  await client.close();
}

function patternOf(round: number, queue: string): string {
  const [first = '', second = ''] = queue.split('.');
  if (round === 0) return `#.${second}`;
  if (round === 1) return `*.${second}`;
  return round % 2 === 0 ? `${first}.*.region-${round}.#` : `${first}.${second}.region-${round}`;
}
