import type { JsonObject } from '../../json-object.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { objectsOf } from './api.ts';
import { type Command, type Invocation, noSuchQueue } from './command.ts';

/** rabbitmq-queues and rabbitmq-streams: queues with replicas, of which there is one. */
export const replicationCommands: readonly Command[] = [
  {
    synopsis: 'quorum_status <queue>',
    doc: 'Show the replicas of a quorum queue: one, the leader',
    banner: (given) => `Status of quorum queue ${given.argument(0)} ...`,
    run: async (given) => {
      const { node } = await queueOf(given, 'quorum');
      return given.table([{ 'Node Name': node, 'Raft State': 'leader' }], ['Node Name', 'Raft State']);
    },
  },
  {
    synopsis: 'stream_status <stream>',
    doc: 'Show how far a stream goes on its one replica, the writer, or where the consumers are to go on that it remembers',
    flags: ['tracking'],
    banner: (given) => `Status of stream ${given.argument(0)} ...`,
    run: async (given) => {
      const stream = await queueOf(given, 'stream');
      return given.has('tracking')
        ? given.table(trackingOf(stream), ['type', 'reference', 'value'])
        : given.table([statusOf(stream)], statusColumns);
    },
  },
  {
    synopsis: 'rebalance <type>',
    doc: 'Spread the leaders of queues over the nodes: there is one, so nothing is to be done',
    banner: () => 'Rebalancing queues ...',
    run: async (given) => {
      await given.api.post('/api/rebalance/queues', {});
      return given.table([], ['Node name', 'Number of quorum queues', 'Number of classic mirrored queues']);
    },
  },
  {
    synopsis: 'reclaim_quorum_memory <queue>',
    doc: 'Let go of memory of a quorum queue: it holds none that it does not need',
    banner: (given) => `Will flush Raft WAL of quorum queue ${given.argument(0)} ...`,
    run: async (given) => {
      await queueOf(given, 'quorum');
      return '';
    },
  },
  {
    synopsis: 'force_gc',
    doc: 'Collect garbage: Node.js does so when it has to',
    banner: () => 'Will ask all processes of the broker to schedule a full sweep GC',
    run: async (given) => {
      await given.node();
      return '';
    },
  },
];

const statusColumns = [
  'role',
  'node',
  'offset',
  'committed_offset',
  'first_offset',
  'readers',
  'segments',
] as const;

function statusOf(stream: JsonObject): JsonObject {
  const { node, last_offset, committed_offset, first_offset, consumers, segments } = stream;
  return {
    role: 'writer',
    node,
    offset: last_offset,
    committed_offset,
    first_offset,
    readers: consumers,
    segments,
  };
}

function trackingOf({ tracked_offsets: tracked }: JsonObject): JsonObject[] {
  return objectsOf(tracked).map(({ consumer_tag, offset }) => ({
    type: 'offset',
    reference: consumer_tag,
    value: offset,
  }));
}

/** @throws CommandError when there is none, or it is of another type */
async function queueOf(given: Invocation, type: string): Promise<JsonObject> {
  const missing = noSuchQueue(given);
  const queue = await given.api.object(`/api/queues/${given.vhostPath}/${given.path(0)}`, missing);
  if (queue['type'] === type) return queue;
  throw new CommandError(
    `queue '${given.argument(0)}' is of type ${queue['type']}, not ${type}: leveretctl list_queues name type shows which are`,
    ExitCode.Unavailable,
  );
}
