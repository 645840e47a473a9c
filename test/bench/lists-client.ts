/** The client of lists.ts: does what it is told, one job after the other, and answers how many milliseconds it took. */

import { setTimeout as delay } from 'node:timers/promises';
import amqplib, { type ChannelModel } from 'amqplib';

export type ListsJob =
  | {
      readonly kind: 'request';
      readonly url: string;
      readonly method?: string;
      readonly body?: string;
    }
  | {
      readonly kind: 'import';
      readonly url: string;
      readonly vhost: string;
      readonly count: number;
      /** Each queue is bound to amq.direct. */
      readonly bindings: boolean;
    }
  | { readonly kind: 'wait'; readonly ms: number }
  /** Exclusive queues with a consumer each, on a connection that stays. */
  | { readonly kind: 'declare'; readonly url: string; readonly count: number }
  | { readonly kind: 'close' };

let connection: ChannelModel | undefined;

/** Sends a request and throws the answer away. */
async function request(url: string, method = 'GET', body?: string): Promise<void> {
  const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`;
  const response = await fetch(url, {
    method,
    headers: { authorization },
    ...(body !== undefined && { body }),
  });
  for await (const _chunk of response.body ?? []);
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status}`);
}

function definitions(vhost: string, count: number, withBindings: boolean): string {
  const names = Array.from(
    { length: count },
    (_, index) => `queue-${((index * 7919) % count).toString().padStart(7, '0')}`,
  );
  const queues = names.map((name) => ({ name, vhost, durable: true, auto_delete: false, arguments: {} }));
  const bindings = names.map((name) => ({
    source: 'amq.direct',
    vhost,
    destination: name,
    destination_type: 'queue',
    routing_key: name,
    arguments: {},
  }));
  return JSON.stringify(withBindings ? { queues, bindings } : { queues });
}

/** What is measured of a job; everything before is preparation. */
async function prepared(job: ListsJob): Promise<() => Promise<unknown>> {
  switch (job.kind) {
    case 'request':
      return () => request(job.url, job.method, job.body);
    case 'import': {
      const body = definitions(job.vhost, job.count, job.bindings);
      return () => request(job.url, 'POST', body);
    }
    case 'wait':
      return () => delay(job.ms);
    case 'declare':
      return async () => {
        connection = await amqplib.connect(job.url);
        const channel = await connection.createChannel();
        for (let index = 0; index < job.count; index++) {
          const declared = channel.assertQueue(`exclusive-${index}`, { exclusive: true });
          const consuming = channel.consume(`exclusive-${index}`, () => {}, { noAck: true });
          if (index % 1000 === 999 || index === job.count - 1) await Promise.all([declared, consuming]);
        }
      };
    case 'close':
      return async () => connection?.close();
  }
}

process.on('message', (job: ListsJob) => {
  const work = async () => {
    const run = await prepared(job);
    const start = performance.now();
    await run();
    return performance.now() - start;
  };
  work().then(
    (ms) => process.send?.(ms),
    (error: unknown) => process.send?.(String(error)),
  );
});
