import type { Flags } from '../../flags.ts';

/** The flags of live commands, beside those of all commands. */
export const liveFlags = {
  count: { doc: 'Show so many messages.', placeholder: '<n>', defaultText: 'peek 20, tail all' },
  from: { doc: 'Where to go on peeking, as peek said.', placeholder: '<position>' },
  truncate: { doc: 'Show so many bytes of a body.', placeholder: '<bytes>', defaultText: '1024' },
  full: { doc: 'Show messages with their properties; tail only.' },
  exchange: { doc: 'Messages of this exchange.', placeholder: '<name>' },
  'routing-key': { doc: 'Messages whose routing key this is found in.', placeholder: '<regex>' },
  header: { doc: 'Messages with such a header.', placeholder: '<name[=value]>' },
  payload: { doc: 'Messages whose body contains this.', placeholder: '<text>' },
  'older-than': {
    doc: 'Messages that are in their queue for longer, such as 30s, 5m, 2h, 7d.',
    placeholder: '<time>',
  },
  rate: { doc: 'Move so many messages a second at most.', placeholder: '<n>', defaultText: 'as it goes' },
  'dry-run': { doc: 'Only tell what would be moved.' },
  'to-exchange': { doc: 'Move to an exchange, which routes the messages.', placeholder: '<name>' },
  queue: { doc: 'Where delayed messages wait.', placeholder: '<name>' },
  sort: { doc: 'Column that top sorts by.', placeholder: '<column>' },
  filter: { doc: 'Text in the names that top shows.', placeholder: '<text>' },
} as const satisfies Flags;
