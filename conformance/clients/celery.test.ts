import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { brokerUrl, queueName, scenarios } from '../harness/broker.ts';
import { run, runs } from '../harness/programs.ts';

/** A worker needs seconds to start and to stop. */
const TIMEOUT_MS = 60_000;

const program = fileURLToPath(new URL('programs/celery_tasks.py', import.meta.url));
const python = ['/usr/bin/python3', 'python3'].find((each) => runs(each, '-c', 'import celery, kombu'));

function expected(queue: string): Readonly<Record<string, unknown>> {
  return {
    added: 7,
    group: [0, 2, 4, 6, 8],
    retries: 2,
    failure: "ValueError('no')",
    later: 2,
    waited: true,
    revoked: "TaskRevokedError('revoked')",
    ping: { ok: 'pong' },
    queues: [queue],
    exit: 0,
  };
}

async function report(queue: string, backend: string): Promise<unknown> {
  const { code, stdout, stderr } = await run(python ?? '', [program, brokerUrl(), queue, backend]);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

if (python === undefined) {
  test.skip('Celery is not installed: apt-get install python3-celery');
} else {
  scenarios(
    'Celery',
    () => {
      test('tasks, retries, countdown, remote control; results over the broker', {
        timeout: TIMEOUT_MS,
      }, async () => {
        const queue = queueName('celery');
        expect(await report(queue, 'rpc://')).toEqual(expected(queue));
      });

      test('the same with a chord; results in files', { timeout: TIMEOUT_MS }, async () => {
        const directory = await mkdtemp(join(tmpdir(), 'conformance-celery-'));
        const queue = queueName('celery');
        try {
          expect(await report(queue, `file://${directory}`)).toEqual({ ...expected(queue), chord: 12 });
        } finally {
          await rm(directory, { recursive: true, force: true });
        }
      });
    },
    { concurrent: true },
  );
}
