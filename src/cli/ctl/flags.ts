import type { Flags } from '../flags.ts';
import { formatters } from './format.ts';
import { liveFlags } from './live/flags.ts';
import { targetFlags } from './target.ts';

/** Flags of every command. */
export const commonFlags: Flags = {
  ...targetFlags,
  timeout: { doc: 'Give up after so long.', placeholder: '<seconds>', defaultText: '60', alias: 't' },
  vhost: { doc: 'Virtual host.', placeholder: '<name>', defaultText: '/', alias: 'p' },
  formatter: { doc: 'How to print.', placeholder: formatters.join('|'), defaultText: 'table' },
  json: { doc: 'The same as --formatter json.' },
  quiet: { doc: 'Print no banner.', alias: 'q' },
  silent: { doc: 'Print neither banner nor column names.', alias: 's' },
  'no-table-headers': { doc: 'Print no column names.' },
  watch: {
    doc: 'Show a list again and again; of top, how often.',
    placeholder: '[seconds]',
    defaultText: '2',
  },
};

/** Flags of some commands, which name them. */
export const specialFlags = {
  ...liveFlags,
  description: { doc: 'Of a virtual host.', placeholder: '<text>' },
  tags: { doc: 'Of a virtual host.', placeholder: '<tag,...>' },
  'default-queue-type': { doc: 'Of a virtual host.', placeholder: '<type>' },
  priority: { doc: 'Of a policy.', placeholder: '<n>', defaultText: '0' },
  'apply-to': { doc: 'What a policy is for.', placeholder: '<target>', defaultText: 'all' },
  global: { doc: 'Of all virtual hosts.' },
  'if-empty': { doc: 'Delete a queue only if it is empty.' },
  'if-unused': { doc: 'Delete a queue only if nobody consumes from it.' },
  'per-connection-delay': {
    doc: 'Time from one connection to the next.',
    placeholder: '<ms>',
    defaultText: '0',
  },
  limit: { doc: 'So many at most.', placeholder: '<n>', defaultText: 'all' },
  online: { doc: 'Only queues that can be used: all are.' },
  offline: { doc: 'Only queues that cannot be used: there are none.' },
  local: { doc: 'Only what is on this node: everything is.' },
  unit: { doc: 'What to count in.', placeholder: '<unit>' },
  within: { doc: 'So many of the unit from now.', placeholder: '<n>' },
  address: { doc: 'Host to connect to.', placeholder: '<host>' },
  all: { doc: 'All there are.' },
  'across-all-vhosts': { doc: 'In all virtual hosts.' },
  details: { doc: 'Say more.' },
  minimal: { doc: 'Only names.', alias: 'm' },
  enabled: { doc: 'Only those that are enabled: all are.', alias: 'E' },
  format: { doc: 'Format of a file or list.', placeholder: '<format>' },
  pid: { doc: 'Number of a process, in place of its file.', placeholder: '<pid>' },
  'address-family': { doc: 'Which addresses to look for.', placeholder: 'ipv4|ipv6' },
  tracking: { doc: 'What a stream remembers by consumer tag.' },
  'skip-if-unchanged': { doc: 'Nothing is imported that is there already: always so.' },
} as const satisfies Flags;
export type SpecialFlag = keyof typeof specialFlags;
