import { expect, test } from 'vitest';
import { brokerUrl, queueName, scenarios } from '../harness/broker.ts';
import { run, runs } from '../harness/programs.ts';

/** Runs one of the amqp-tools against the broker; its output. */
async function tool(name: string, args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await run(name, ['--url', brokerUrl(), ...args], { input });
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

if (!runs('amqp-publish', '--usage')) {
  test.skip('amqp-tools are not installed: apt-get install amqp-tools');
} else {
  scenarios('amqp-tools (rabbitmq-c)', () => {
    test('declare, publish, get, delete', async () => {
      const queue = queueName('tools');
      expect(await tool('amqp-declare-queue', ['--queue', queue, '--durable'])).toContain(queue);
      await tool('amqp-publish', ['--routing-key', queue, '--persistent', '--body', 'hello']);
      await tool('amqp-publish', ['--routing-key', queue, '--body', 'again']);
      expect(await tool('amqp-get', ['--queue', queue])).toBe('hello');
      expect(await tool('amqp-delete-queue', ['--queue', queue])).toBe('1\n');
    });

    test('get from an empty queue', async () => {
      const queue = queueName('tools');
      await tool('amqp-declare-queue', ['--queue', queue]);
      expect((await run('amqp-get', ['--url', brokerUrl(), '--queue', queue])).code).toBe(2);
    });

    test('publish lines, consume them', async () => {
      const queue = queueName('tools');
      await tool('amqp-declare-queue', ['--queue', queue]);
      await tool('amqp-publish', ['--routing-key', queue, '--line-buffered'], 'one\ntwo\nthree\n');
      const output = await tool('amqp-consume', [
        '--queue',
        queue,
        '--count',
        '3',
        '--prefetch-count',
        '1',
        'cat',
      ]);
      expect(output.split(/\s+/).filter(Boolean)).toEqual(['one', 'two', 'three']);
    });

    test('a large body', async () => {
      const queue = queueName('tools');
      const body = 'x'.repeat(1_000_000);
      await tool('amqp-declare-queue', ['--queue', queue]);
      await tool('amqp-publish', ['--routing-key', queue], body);
      expect(await tool('amqp-get', ['--queue', queue])).toBe(body);
    });

    test('headers and properties', async () => {
      const queue = queueName('tools');
      await tool('amqp-declare-queue', ['--queue', queue]);
      const headers = ['--header', 'colour: red', '--content-type', 'text/plain', '--reply-to', 'somewhere'];
      await tool('amqp-publish', ['--routing-key', queue, ...headers, '--body', 'x']);
      expect(await tool('amqp-get', ['--queue', queue])).toBe('x');
    });

    test('an error is reported with its text', async () => {
      const { code, stderr } = await run('amqp-get', ['--url', brokerUrl(), '--queue', 'nope']);
      expect(code).not.toBe(0);
      expect(stderr).toContain("NOT_FOUND - no queue 'nope' in vhost '/'");
    });
  });
}
