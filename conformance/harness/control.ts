/** What operators do to a broker and no client can: through Leveret's embedding API, or with rabbitmqctl. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { brokerName, embeddedBroker } from './broker.ts';

/** Time for a scenario that uses these: rabbitmqctl starts a virtual machine each time. */
export const CONTROL_TIMEOUT_MS = 60_000;

const RABBITMQCTL = '/usr/lib/rabbitmq/bin/rabbitmqctl';
const run = promisify(execFile);
const home = process.env['CONFORMANCE_HOME'];

/** False for a broker that somebody else started. */
export const controllable =
  brokerName === 'leveret' ? process.env['AMQP_URL'] === undefined : home !== undefined;

/** Calls rabbitmqctl for the private RabbitMQ. */
export async function rabbitmqctl(...args: readonly string[]): Promise<void> {
  const node = process.env['RABBITMQ_NODENAME'] ?? '';
  await run(RABBITMQCTL, ['-q', '-n', node, ...args], { env: { ...process.env, HOME: home } });
}

/** Evaluates Erlang in the private RabbitMQ. */
export async function evaluate(expression: string): Promise<void> {
  await rabbitmqctl('eval', `${expression}.`);
}

/** Sets the memory alarm by a watermark nobody can stay below, or clears it. */
export async function setMemoryAlarm(isInEffect: boolean): Promise<void> {
  const leveret = embeddedBroker();
  if (leveret !== undefined) leveret.setMemoryWatermark(isInEffect ? { absolute: 1 } : { relative: 0.6 });
  else if (isInEffect) await rabbitmqctl('set_vm_memory_high_watermark', 'absolute', '1');
  else await rabbitmqctl('set_vm_memory_high_watermark', '0.6');
}

/** Switches the firehose of the default virtual host. */
export async function setTracing(isTracing: boolean): Promise<void> {
  const leveret = embeddedBroker();
  if (leveret !== undefined) leveret.setTracing('/', isTracing);
  else await rabbitmqctl(isTracing ? 'trace_on' : 'trace_off');
}
