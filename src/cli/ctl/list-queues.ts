import { suggestion } from '../../config/nearest.ts';
import { usageError } from '../flags.ts';
import type { Api } from './api.ts';
import { type Formatter, formatRows } from './format.ts';

const defaultColumns = ['name', 'messages'];

/** Columns that `list_queues` knows, by RabbitMQ's names. */
const knownColumns = [
  'name',
  'vhost',
  'type',
  'durable',
  'auto_delete',
  'exclusive',
  'arguments',
  'policy',
  'state',
  'messages',
  'messages_ready',
  'messages_unacknowledged',
  'consumers',
];

/**
 * `leveretctl list_queues [columns]`.
 *
 * @throws CommandError
 */
export async function listQueues(
  api: Api,
  given: readonly string[],
  vhost: string,
  formatter: Formatter,
  areColumnsNamed: boolean,
): Promise<string> {
  // rabbitmqctl takes columns with spaces or commas between them.
  const words = given.flatMap((word) => word.split(',')).filter((word) => word !== '');
  const columns = words.length > 0 ? words : defaultColumns;
  const unknown = columns.filter((column) => !knownColumns.includes(column));
  const [first] = unknown;
  if (first !== undefined) {
    throw usageError(
      `(argument validation) Info key(s) ${unknown.join(', ')} are not supported${suggestion(first, knownColumns)}`,
    );
  }
  const queues = await api.list(
    `/api/queues/${encodeURIComponent(vhost)}?columns=${[...new Set(columns)].join(',')}`,
  );
  return formatRows(queues, columns, formatter, areColumnsNamed);
}
