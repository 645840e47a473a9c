import type { Invocation } from '../command.ts';
import type { Terminal } from './terminal.ts';

type Run = (given: Invocation, terminal: Terminal) => Promise<void>;

/** A command that prints while it goes on, for people or as JSON lines. */
export interface LiveCommand {
  /** As that of a {@link Command}. */
  readonly synopsis: string;
  readonly doc: string;
  /** Its code is read when it is asked for, so that other commands start quickly. */
  readonly load: () => Promise<Run>;
}

/** What rabbitmqctl has not. */
export const liveCommands: readonly LiveCommand[] = [
  {
    synopsis: 'peek <queue>',
    doc: 'Show messages, which stay as they are [--count --from --json, filters]',
    load: async () => (await import('./peek.ts')).peek,
  },
  {
    synopsis: 'tail [queue]',
    doc: 'Follow messages as they come [--exchange --count --full --json, filters]',
    load: async () => (await import('./tail.ts')).tail,
  },
  {
    synopsis: 'move <from> [to]',
    doc: 'Move messages to another queue [--to-exchange --limit --rate --dry-run, filters]',
    load: async () => (await import('./move.ts')).move,
  },
  {
    synopsis: 'replay <queue>',
    doc: 'Move dead letters back to where they died [--limit --rate --dry-run, filters]',
    load: async () => (await import('./move.ts')).replay,
  },
  {
    synopsis: 'list_delayed_messages',
    doc: 'List messages that wait for their time [--exchange or --queue, --count --from --json]',
    load: async () => (await import('./delayed.ts')).listDelayed,
  },
  {
    synopsis: 'cancel_delayed_message <id>',
    doc: 'Cancel a message that waits for its time [--exchange or --queue]',
    load: async () => (await import('./delayed.ts')).cancelDelayed,
  },
  {
    synopsis: 'top [what]',
    doc: 'Watch queues, connections or channels [--sort --filter --watch --json]',
    load: async () => (await import('./top/top.ts')).top,
  },
];
