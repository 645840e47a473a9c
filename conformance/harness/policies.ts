/**
 * Policies of the broker under test: through the embedding API of Leveret in this process, through rabbitmqctl
 * for the private RabbitMQ. What a scenario sets is cleared when it is done.
 */

import { brokerName, embeddedBroker, type PolicySettings } from './broker.ts';
import { rabbitmqctl } from './control.ts';

type Kind = 'policy' | 'operator_policy';

interface PolicyOptions {
  readonly applyTo?: string;
  readonly priority?: number;
}

const undo: (() => Promise<unknown>)[] = [];
let policyCount = 0;

/** After each scenario. */
export async function clearPolicies(): Promise<void> {
  for (const clear of undo.splice(0)) await clear();
}

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
  const leveret = embeddedBroker();
  if (brokerName === 'rabbitmq') {
    const flags = ['--priority', String(priority), '--apply-to', applyTo];
    await control(`set_${kind}`, ...flags, name, pattern, JSON.stringify(definition));
  } else if (kind === 'policy') await leveret?.setPolicy(settings);
  else await leveret?.setOperatorPolicy(settings);
  undo.push(() => clear(kind, name).catch(() => undefined));
  return name;
}

async function clear(kind: Kind, name: string): Promise<void> {
  const leveret = embeddedBroker();
  if (brokerName === 'rabbitmq') await control(`clear_${kind}`, name);
  else if (kind === 'policy') await leveret?.clearPolicy(name);
  else await leveret?.clearOperatorPolicy(name);
}

/** rabbitmqctl, with what the broker says as the error's message. */
async function control(...args: readonly string[]): Promise<void> {
  try {
    await rabbitmqctl(...args);
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw new Error(output.replace(/^Error:\n/, '').trimEnd());
  }
}
