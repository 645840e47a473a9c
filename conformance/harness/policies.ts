/**
 * Policies of the broker under test: through the embedding API of Leveret in this process, through rabbitmqctl
 * for the private RabbitMQ. What a scenario sets is cleared when it is done.
 */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterEach } from 'vitest';
import { brokerName, leveretInProcess, type PolicySettings } from './broker.ts';

/** The packaged script behind Debian's wrapper, which would insist on the system's own user. */
const scripts = ['/usr/lib/rabbitmq/bin/rabbitmqctl', '/opt/rabbitmq/sbin/rabbitmqctl'];
const control = process.env['CONFORMANCE_RABBITMQCTL'];

/** False for a broker that was started elsewhere: nobody can set its policies from here. */
export const policiesAvailable = brokerName === 'rabbitmq' ? control !== undefined : !process.env['AMQP_URL'];

type Kind = 'policy' | 'operator_policy';

interface PolicyOptions {
  readonly applyTo?: string;
  readonly priority?: number;
}

const undo: (() => Promise<unknown>)[] = [];
let policyCount = 0;

afterEach(async () => {
  for (const clear of undo.splice(0)) await clear();
});

/** Sets a policy and returns its name. @throws Error with what the broker says against it */
export function setPolicy(
  pattern: string,
  definition: Readonly<Record<string, unknown>>,
  options: PolicyOptions = {},
): Promise<string> {
  return set('policy', pattern, definition, options);
}

export function setOperatorPolicy(
  pattern: string,
  definition: Readonly<Record<string, unknown>>,
  options: PolicyOptions = {},
): Promise<string> {
  return set('operator_policy', pattern, definition, options);
}

export async function clearPolicy(name: string): Promise<void> {
  await clear('policy', name);
}

export async function clearOperatorPolicy(name: string): Promise<void> {
  await clear('operator_policy', name);
}

async function set(
  kind: Kind,
  pattern: string,
  definition: Readonly<Record<string, unknown>>,
  { applyTo = 'all', priority = 0 }: PolicyOptions,
): Promise<string> {
  const name = `conformance-${++policyCount}`;
  const settings: PolicySettings = { name, pattern, applyTo, priority, definition };
  const leveret = leveretInProcess();
  if (brokerName === 'rabbitmq') {
    const flags = ['--priority', String(priority), '--apply-to', applyTo];
    await rabbitmqctl(`set_${kind}`, ...flags, name, pattern, JSON.stringify(definition));
  } else if (kind === 'policy') await leveret?.setPolicy(settings);
  else await leveret?.setOperatorPolicy(settings);
  undo.push(() => clear(kind, name).catch(() => undefined));
  return name;
}

async function clear(kind: Kind, name: string): Promise<void> {
  const leveret = leveretInProcess();
  if (brokerName === 'rabbitmq') await rabbitmqctl(`clear_${kind}`, name);
  else if (kind === 'policy') await leveret?.clearPolicy(name);
  else await leveret?.clearOperatorPolicy(name);
}

async function rabbitmqctl(...args: readonly string[]): Promise<void> {
  const script = scripts.find((path) => existsSync(path));
  if (script === undefined || control === undefined) throw new Error('there is no rabbitmqctl');
  const environment: NodeJS.ProcessEnv = JSON.parse(control);
  try {
    await promisify(execFile)(script, ['-q', ...args], { env: { ...process.env, ...environment } });
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw new Error(output.replace(/^Error:\n/, '').trimEnd());
  }
}
