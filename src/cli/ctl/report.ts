import type { Command, Invocation } from './command.ts';
import type { Terminal } from './live/terminal.ts';
import { nodePath } from './node-views.ts';

/** The commands that a report is made of, in its order. */
const reported = [
  'status',
  'environment',
  'list_users',
  'list_vhosts',
  'list_policies',
  'list_operator_policies',
  'list_global_parameters',
  'list_permissions',
  'list_queues',
  'list_exchanges',
  'list_bindings',
  'list_connections',
  'list_channels',
  'list_consumers',
];

/** Finds a command by its name. */
export type CommandFinder = (name: string) => Promise<Command | undefined>;

/** `report`, which prints what other commands print, one behind the other: no messages and no passwords. */
export function reportCommand(findCommand: CommandFinder): Command {
  return {
    synopsis: 'report',
    doc: 'Show everything that helps to understand a problem: status, settings, all lists',
    banner: () => 'Reporting the broker ...',
    run: (given, terminal) => report(given, terminal, findCommand),
  };
}

async function report(given: Invocation, terminal: Terminal, findCommand: CommandFinder): Promise<string> {
  const { versions, platform } = await given.api.object(await nodePath(given, '/process'));
  let text = `Node.js and libraries: ${JSON.stringify(versions)} on ${platform}\n`;
  for (const name of reported) {
    const command = await findCommand(name);
    if (command !== undefined) text += `\n## ${name}\n\n${await command.run(given, terminal)}`;
  }
  return text;
}
