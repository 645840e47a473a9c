import { backupCommands } from './backup.ts';
import { checkCommands } from './checks.ts';
import { type Command, nameOf, type Topic } from './command.ts';
import { definitionCommands } from './definitions.ts';
import { diagnosticCommands } from './diagnostics.ts';
import { listCommands } from './lists.ts';
import { liveCommands } from './live/commands.ts';
import { nodeCommands } from './node.ts';
import { operationCommands } from './operations.ts';
import { parameterCommands } from './parameters.ts';
import { permissionCommands } from './permissions.ts';
import { policyCommands } from './policies.ts';
import { replicationCommands } from './replication.ts';
import { settingCommands } from './settings.ts';
import { unsupportedCommands } from './unsupported.ts';
import { userCommands } from './users.ts';
import { vhostCommands } from './vhosts.ts';

/** All commands, as `leveretctl help` lists them. */
export const topics: readonly Topic[] = [
  { title: 'The broker', commands: nodeCommands },
  { title: 'Checks', commands: checkCommands },
  { title: 'Lists', commands: listCommands },
  { title: 'Queues and connections', commands: operationCommands },
  { title: 'Live tools', commands: liveCommands },
  { title: 'Users', commands: userCommands },
  { title: 'Permissions', commands: permissionCommands },
  { title: 'Virtual hosts', commands: vhostCommands },
  { title: 'Policies', commands: policyCommands },
  { title: 'Parameters', commands: parameterCommands },
  { title: 'Definitions and backup', commands: [...definitionCommands, ...backupCommands] },
  { title: 'Settings of a running broker', commands: settingCommands },
  { title: 'Diagnostics', commands: diagnosticCommands },
  { title: 'Replicated queues', commands: replicationCommands },
];

const byName: ReadonlyMap<string, Command> = new Map(
  [...topics.flatMap(({ commands }) => commands), ...unsupportedCommands].map((command) => [
    nameOf(command),
    command,
  ]),
);

/** Commands of RabbitMQ that make no sense here are found, too: they say why. */
export function findCommand(name: string): Command | undefined {
  return byName.get(name);
}
