import { FieldTable } from '../../protocol/field-table.ts';
import { MethodId } from '../../protocol/methods.ts';
import { tableFrom } from '../../protocol/plain-value.ts';
import type { Client } from './client.ts';
import type { PerfOptions } from './options.ts';
import type { Target } from './producer.ts';

/** The queues of a run and the way messages get there. */
export class Topology {
  readonly queues: readonly string[];
  /** Every message reaches every queue; otherwise it reaches the one whose name is its routing key. */
  readonly isBroadcast: boolean;
  readonly #options: PerfOptions;

  constructor(options: PerfOptions, run: number) {
    const base = options.queue ?? `leveret-perf-${run}`;
    this.#options = options;
    this.queues =
      options.queues === 1
        ? [base]
        : Array.from({ length: options.queues }, (_, index) => `${base}-${index}`);
    this.isBroadcast =
      options.exchange !== '' &&
      (options.routingKey !== undefined || ['fanout', 'headers'].includes(options.exchangeType));
  }

  async declare(client: Client): Promise<void> {
    const { exchange, exchangeType, persistent, queueArguments } = this.#options;
    if (exchange !== '') {
      await client.call(
        {
          id: MethodId.ExchangeDeclare,
          exchange,
          type: exchangeType,
          passive: false,
          durable: persistent,
          autoDelete: false,
          internal: false,
          noWait: false,
          arguments: FieldTable.empty,
        },
        MethodId.ExchangeDeclareOk,
      );
    }
    for (const queue of this.queues) {
      await client.call(
        {
          id: MethodId.QueueDeclare,
          queue,
          passive: false,
          durable: persistent,
          exclusive: false,
          autoDelete: false,
          noWait: false,
          arguments: tableFrom(queueArguments),
        },
        MethodId.QueueDeclareOk,
      );
      if (exchange === '') continue;
      const routingKey = this.#options.routingKey ?? queue;
      await client.call(
        { id: MethodId.QueueBind, queue, exchange, routingKey, noWait: false, arguments: FieldTable.empty },
        MethodId.QueueBindOk,
      );
    }
  }

  /** Where producer `id` publishes: to queue `id` modulo the number of queues, or to several in turn when there are fewer producers. */
  targetsOf(producer: number): Target[] {
    if (this.isBroadcast) return [{ routingKey: this.#options.routingKey ?? '', published: 0 }];
    const { producers } = this.#options;
    const own = this.queues.filter((_, index) => index % producers === producer);
    const queues = own.length > 0 ? own : this.queues.slice(producer % this.queues.length).slice(0, 1);
    return queues.map((routingKey) => ({ routingKey, published: 0 }));
  }

  /** Deletes the queues, unless they were named on the command line. */
  async remove(client: Client): Promise<void> {
    if (this.#options.queue !== undefined) return;
    for (const queue of this.queues) {
      await client.call(
        { id: MethodId.QueueDelete, queue, ifUnused: false, ifEmpty: false, noWait: false },
        MethodId.QueueDeleteOk,
      );
    }
  }
}
