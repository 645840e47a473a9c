import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { brokerUrl, queueName, scenarios } from '../harness/broker.ts';
import { run, runs } from '../harness/programs.ts';

const script = fileURLToPath(new URL('programs/pika_tutorials.py', import.meta.url));
const python = ['/usr/bin/python3', 'python3'].find((program) => runs(program, '-c', 'import pika'));

if (python === undefined) {
  test.skip('pika is not installed: apt-get install python3-pika');
} else {
  scenarios(
    'Tutorials with pika',
    () => {
      test.each(['work_queue', 'publish_subscribe', 'routing', 'topics', 'rpc', 'confirms', 'errors'])(
        '%s',
        async (flow) => {
          const { code, stderr } = await run(python, [script, brokerUrl(), queueName('pika'), flow]);
          expect([code, stderr]).toEqual([0, '']);
        },
      );
    },
    { concurrent: true },
  );
}
