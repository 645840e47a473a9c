import { afterAll, beforeAll, expect, it } from 'vitest';
import { perfOptions } from '../../../src/cli/perf/options.ts';
import { measure } from '../../../src/cli/perf/perf.ts';
import { type RunningBroker, startBroker } from '../../../src/index.ts';

let broker: RunningBroker;

beforeAll(async () => {
  broker = await startBroker({ port: 0 });
});
afterAll(() => broker.close());

function perf(values: Record<string, string>, ...switches: string[]) {
  const options = perfOptions({
    values: { uri: broker.url, ...values },
    switches: new Set(switches),
    words: ['perf'],
  });
  const never = new Promise<void>(() => {});
  return measure(options, () => {}, never);
}

it('publishes, confirms, consumes and checks every message', async () => {
  const summary = await perf(
    { messages: '2000', confirm: '100', prefetch: '50', 'multi-ack-every': '10' },
    'persistent',
  );
  expect(summary).toMatchObject({
    published: 2000,
    confirmed: 2000,
    consumed: 2000,
    lost: 0,
    duplicates: 0,
    reordered: 0,
  });
  expect(summary.endToEndMs?.p50).toBeGreaterThan(0);
});

it('spreads producers and consumers over queues', async () => {
  const summary = await perf({ messages: '300', producers: '3', consumers: '4', queues: '2' }, 'autoack');
  expect(summary).toMatchObject({ published: 900, consumed: 900, lost: 0, duplicates: 0, reordered: 0 });
});

it('expects a copy in every queue of a fanout, bodies of several frames included', async () => {
  const values = { messages: '20', exchange: 'perf-test', type: 'fanout', queues: '3', size: '300000' };
  expect(await perf(values)).toMatchObject({ published: 20, consumed: 60, lost: 0, duplicates: 0 });
});

it('keeps to a rate', async () => {
  const { published, seconds } = await perf({ rate: '200', time: '1', size: '16' });
  expect(published).toBeLessThanOrEqual(Math.ceil(200 * seconds) + 1);
});
