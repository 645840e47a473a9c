import type { LiveCommand } from '../command.ts';

const filters = ['exchange', 'routing-key', 'header', 'payload', 'older-than'] as const;

/** What rabbitmqctl has not. */
export const liveCommands: readonly LiveCommand[] = [
  {
    synopsis: 'peek <queue>',
    doc: 'Show messages, which stay as they are',
    flags: ['count', 'from', 'truncate', ...filters],
    load: async () => (await import('./peek.ts')).peek,
  },
  {
    synopsis: 'tail [queue]',
    doc: 'Follow messages as they come',
    flags: ['count', 'full', 'truncate', ...filters],
    load: async () => (await import('./tail.ts')).tail,
  },
  {
    synopsis: 'move <from> [to]',
    doc: 'Move messages to another queue',
    flags: ['to-exchange', 'limit', 'rate', 'dry-run', ...filters],
    load: async () => (await import('./move.ts')).move,
  },
  {
    synopsis: 'replay <queue>',
    doc: 'Move dead letters back to where they died',
    flags: ['limit', 'rate', 'dry-run', ...filters],
    load: async () => (await import('./move.ts')).replay,
  },
  {
    synopsis: 'list_delayed_messages',
    doc: 'List messages that wait for their time',
    flags: ['exchange', 'queue', 'count', 'from', 'truncate'],
    load: async () => (await import('./delayed.ts')).listDelayed,
  },
  {
    synopsis: 'cancel_delayed_message <id>',
    doc: 'Cancel a message that waits for its time',
    flags: ['exchange', 'queue'],
    load: async () => (await import('./delayed.ts')).cancelDelayed,
  },
  {
    synopsis: 'top [what]',
    doc: 'Watch queues, connections or channels',
    flags: ['sort', 'filter', 'watch'],
    load: async () => (await import('./top/top.ts')).top,
  },
];
