/**
 * Random operations on Leveret and on a RabbitMQ in step: every answer, delivery and count must be the same.
 * `npm run test:lockstep` starts a RabbitMQ; LOCKSTEP_RUNS, LOCKSTEP_SEED and LOCKSTEP_PATH repeat what a failure
 * printed.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { LockstepClient } from './client.ts';
import { beginning, type Step, step } from './step.ts';

const RUNS = 30;
const STEPS_MAX = 60;
const TIMEOUT_MS = 600_000;

const { AMQP_URL: rabbitmq, CONFORMANCE_BROKER, LOCKSTEP_RUNS, LOCKSTEP_SEED, LOCKSTEP_PATH } = process.env;

/** Both clients take the step; they must see the same. */
async function together(clients: readonly [LockstepClient, LockstepClient], given: Step): Promise<void> {
  const [leveret, reference] = clients;
  let next = given;
  if (next.type === 'settle' && next.multiple && leveret.covered(next) !== reference.covered(next)) {
    // Deliveries overtook each other, so "all up to this one" is not the same here and there.
    next = { ...next, multiple: false };
  }
  const [seen, expected] = await Promise.all([leveret.take(next), reference.take(next)]);
  expect(seen).toEqual(expected);
}

async function inStep(broker: RunningBroker, url: string, steps: readonly Step[]): Promise<void> {
  const clients = await Promise.all([LockstepClient.open(broker.url), LockstepClient.open(url)] as const);
  try {
    for (const each of steps) await together(clients, each);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

function parameters(): fc.Parameters<[readonly Step[], Step[]]> {
  const seed = LOCKSTEP_SEED === undefined ? {} : { seed: Number(LOCKSTEP_SEED) };
  const path = LOCKSTEP_PATH === undefined ? {} : { path: LOCKSTEP_PATH };
  return {
    numRuns: Number(LOCKSTEP_RUNS ?? RUNS),
    endOnFailure: false,
    interruptAfterTimeLimit: TIMEOUT_MS,
    ...seed,
    ...path,
  };
}

if (rabbitmq === undefined || CONFORMANCE_BROKER === 'leveret') {
  test.skip('in step with RabbitMQ: no AMQP_URL of one (npm run test:lockstep)');
} else {
  describe('in step with RabbitMQ', () => {
    test('random operations have the same effects', { timeout: 2 * TIMEOUT_MS }, async () => {
      const broker = await startBroker({ port: 0 });
      try {
        const steps = fc.array(step, { maxLength: STEPS_MAX, size: 'max' });
        const property = fc.asyncProperty(beginning, steps, (first, rest) =>
          inStep(broker, rabbitmq, [...first, ...rest]),
        );
        await fc.assert(property, parameters());
      } finally {
        await broker.close();
      }
    });
  });
}
