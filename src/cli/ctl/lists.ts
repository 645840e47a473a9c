import { isObject, type JsonObject } from '../../json-object.ts';
import { objectsOf } from './api.ts';
import { type Command, type Invocation, noSuchVhost, unknownColumns } from './command.ts';
import type { SpecialFlag } from './flags.ts';

/** A list with columns to choose. */
interface Listing {
  readonly verb: string;
  readonly doc: string;
  readonly path: (given: Invocation) => string;
  readonly banner: (given: Invocation) => string;
  /** Shown when none is chosen. */
  readonly defaults: readonly string[];
  /** Columns by rabbitmqctl's names, those that the HTTP API calls the same. */
  readonly same: readonly string[];
  /** The others, with what the API calls them: `queue.name`. */
  readonly others?: Readonly<Record<string, string>>;
  readonly flags?: readonly SpecialFlag[];
}

const listings: readonly Listing[] = [
  {
    verb: 'list_queues',
    doc: 'List queues',
    path: ({ vhostPath }) => `/api/queues/${vhostPath}`,
    banner: ({ vhost, timeoutSeconds }) =>
      `Timeout: ${timeoutSeconds.toFixed(1)} seconds ...\nListing queues for vhost ${vhost} ...`,
    defaults: ['name', 'messages'],
    same: [
      'name',
      'vhost',
      'type',
      'durable',
      'auto_delete',
      'exclusive',
      'arguments',
      'policy',
      'operator_policy',
      'effective_policy_definition',
      'state',
      'messages',
      'messages_ready',
      'messages_unacknowledged',
      'messages_ram',
      'messages_ready_ram',
      'messages_unacknowledged_ram',
      'messages_persistent',
      'messages_delayed',
      'message_bytes',
      'message_bytes_ready',
      'message_bytes_unacknowledged',
      'message_bytes_ram',
      'message_bytes_persistent',
      'head_message_timestamp',
      'disk_reads',
      'disk_writes',
      'consumers',
      'consumer_capacity',
      'consumer_utilisation',
      'exclusive_consumer_tag',
      'exclusive_consumer_pid',
      'single_active_consumer_tag',
      'memory',
      'leader',
      'members',
      'online',
      'slave_pids',
      'synchronised_slave_pids',
    ],
    others: { pid: 'name', owner_pid: 'owner_pid_details.name' },
    flags: ['online', 'offline', 'local'],
  },
  {
    verb: 'list_exchanges',
    doc: 'List exchanges',
    path: ({ vhostPath }) => `/api/exchanges/${vhostPath}`,
    banner: ({ vhost }) => `Listing exchanges for vhost ${vhost} ...`,
    defaults: ['name', 'type'],
    same: ['name', 'type', 'durable', 'auto_delete', 'internal', 'arguments', 'policy', 'vhost'],
  },
  {
    verb: 'list_bindings',
    doc: 'List bindings',
    path: ({ vhostPath }) => `/api/bindings/${vhostPath}`,
    banner: ({ vhost }) => `Listing bindings for vhost ${vhost}...`,
    defaults: [
      'source_name',
      'source_kind',
      'destination_name',
      'destination_kind',
      'routing_key',
      'arguments',
    ],
    same: ['source_kind', 'routing_key', 'arguments', 'vhost'],
    others: { source_name: 'source', destination_name: 'destination', destination_kind: 'destination_type' },
  },
  {
    verb: 'list_connections',
    doc: 'List connections',
    path: () => '/api/connections',
    banner: () => 'Listing connections ...',
    defaults: ['user', 'peer_host', 'peer_port', 'state'],
    same: [
      'name',
      'user',
      'vhost',
      'state',
      'channels',
      'protocol',
      'auth_mechanism',
      'host',
      'port',
      'peer_host',
      'peer_port',
      'ssl',
      'channel_max',
      'frame_max',
      'timeout',
      'ssl_protocol',
      'ssl_cipher',
      'ssl_hash',
      'ssl_key_exchange',
      'peer_cert_issuer',
      'peer_cert_subject',
      'peer_cert_validity',
      'connected_at',
      'client_properties',
      'user_provided_name',
      'recv_oct',
      'send_oct',
      'recv_cnt',
      'send_cnt',
      'send_pend',
    ],
    // What a connection is called when it is to be closed.
    others: { pid: 'name' },
  },
  {
    verb: 'list_channels',
    doc: 'List channels',
    path: () => '/api/channels',
    banner: () => 'Listing channels ...',
    defaults: ['pid', 'user', 'consumer_count', 'messages_unacknowledged'],
    same: [
      'name',
      'number',
      'user',
      'vhost',
      'state',
      'confirm',
      'transactional',
      'consumer_count',
      'prefetch_count',
      'global_prefetch_count',
      'messages_unacknowledged',
      'messages_unconfirmed',
      'messages_uncommitted',
      'acks_uncommitted',
    ],
    others: { pid: 'name', connection: 'connection_details.name' },
  },
  {
    verb: 'list_consumers',
    doc: 'List consumers',
    path: ({ vhostPath }) => `/api/consumers/${vhostPath}`,
    banner: ({ vhost }) => `Listing consumers in vhost ${vhost} ...`,
    defaults: [
      'queue_name',
      'channel_pid',
      'consumer_tag',
      'ack_required',
      'prefetch_count',
      'active',
      'arguments',
    ],
    same: [
      'consumer_tag',
      'ack_required',
      'prefetch_count',
      'active',
      'activity_status',
      'arguments',
      'offset',
      'offset_lag',
    ],
    others: { queue_name: 'queue.name', channel_pid: 'channel_details.name' },
  },
];

/** Queues, exchanges, bindings, connections, channels and consumers. */
export const listCommands: readonly Command[] = listings.map((listing) => ({
  synopsis: `${listing.verb} [column] ...`,
  doc: listing.doc,
  details: `Columns: ${columnsOf(listing).join(', ')}`,
  ...(listing.flags !== undefined && { flags: listing.flags }),
  banner: listing.banner,
  run: (given) => list(given, listing),
}));

function columnsOf({ same, others = {} }: Pick<Listing, 'same' | 'others'>): readonly string[] {
  return [...same, ...Object.keys(others)];
}

/** @throws CommandError */
async function list(given: Invocation, listing: Listing): Promise<string> {
  const { path, defaults, others = {} } = listing;
  // rabbitmqctl takes columns with spaces or commas between them.
  const words = given
    .rest(0)
    .flatMap((word) => word.split(','))
    .filter((word) => word !== '');
  const columns = words.length > 0 ? words : defaults;
  const known = columnsOf(listing);
  const unknown = columns.filter((column) => !known.includes(column));
  if (unknown.length > 0) throw unknownColumns(unknown, known);
  const fields = new Map(columns.map((column) => [column, others[column] ?? column]));
  const query = [...new Set(fields.values())].join(',');
  const rows = await rowsOf(given, `${path(given)}?columns=${query}`);
  // All queues can be used.
  const shown = given.has('offline') ? [] : rows;
  return given.table(
    shown.map((row) => renamed(row, fields)),
    columns,
  );
}

/** The API gives no more at once. */
const pageMax = 500;

/** All rows, or as many as are looked at where the list comes in pages. */
async function rowsOf(given: Invocation, path: string): Promise<readonly JsonObject[]> {
  const { rowsMax } = given;
  const missing = noSuchVhost(given.vhost);
  if (rowsMax === undefined) return given.api.list(path, missing);
  const answer = await given.api.get(`${path}&page=1&page_size=${Math.min(rowsMax, pageMax)}`, missing);
  const rows = isObject(answer) ? answer['items'] : answer;
  return objectsOf(rows);
}

/** The columns of a row under rabbitmqctl's names. */
function renamed(row: JsonObject, fields: ReadonlyMap<string, string>): JsonObject {
  // Where messages come from is always an exchange.
  const all: JsonObject = { source_kind: 'exchange', ...row };
  return Object.fromEntries([...fields].map(([column, field]) => [column, dotted(all, field)]));
}

function dotted(row: JsonObject, field: string): unknown {
  return field.split('.').reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), row);
}
