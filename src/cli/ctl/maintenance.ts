import type { Command } from './command.ts';
import { closeAll } from './operations.ts';

/** rabbitmq-upgrade: what scripts and operators of clusters do around a restart. */
export const maintenanceCommands: readonly Command[] = [
  {
    synopsis: 'drain',
    doc: 'Serve no client any more: suspend the listeners and close all connections',
    details: 'revive ends it, and so does a restart.',
    banner: () => 'Will put the broker into maintenance mode. It will no longer serve any client traffic!',
    run: async (given) => {
      await given.tellNode('PUT', 'listeners', { suspended: true });
      const connections = await given.api.list('/api/connections?columns=name');
      await closeAll(given, connections, 'Node was put into maintenance mode');
      return '';
    },
  },
  {
    synopsis: 'revive',
    doc: 'Serve clients again after drain',
    banner: () => 'Will put the broker back into regular operating mode. It will again serve client traffic.',
    run: async (given) => {
      await given.tellNode('PUT', 'listeners', { suspended: false });
      return '';
    },
  },
  ...(
    [
      ['await_online_quorum_plus_one', 'a quorum + 1 of nodes to be online for all quorum queues'],
      ['await_online_synchronized_mirror', 'a synchronised mirror be online for all classic mirrored queues'],
    ] as const
  ).map(
    ([synopsis, what]): Command => ({
      synopsis,
      doc: 'Wait for nothing: one node has no replicas',
      banner: (given) => `Will wait for ${what} for ${given.timeoutSeconds} seconds...`,
      run: async (given) => {
        await given.node();
        return given.ok(
          'Target node seems to be the only one in a single node cluster, the command does not apply',
        );
      },
    }),
  ),
  {
    synopsis: 'post_upgrade',
    doc: 'Do what is to be done after an upgrade: nothing, the start has done it',
    banner: () => 'Executing post upgrade tasks...',
    run: async (given) => {
      await given.node();
      return '';
    },
  },
];
