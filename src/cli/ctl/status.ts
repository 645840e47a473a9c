import type { Api, JsonObject } from './api.ts';
import type { Formatter } from './format.ts';

/**
 * `leveretctl status`: what the broker is, where it listens and what it holds.
 *
 * @throws CommandError
 */
export async function status(api: Api, formatter: Formatter): Promise<string> {
  const overview = await api.object('/api/overview');
  if (formatter === 'json') return `${JSON.stringify(statusObject(overview))}\n`;
  const { queue_totals: messages, object_totals: objects } = overview;
  const listeners = listenersOf(overview).map(
    ({ ip_address: address, port, protocol }) =>
      `Interface: ${address}, port: ${port}, protocol: ${protocol}`,
  );
  return [
    ...section('Runtime', [
      `Product: ${overview['product_name']} ${overview['product_version']}`,
      `RabbitMQ version: ${overview['rabbitmq_version']}`,
      `Node name: ${overview['node']}`,
    ]),
    ...section('Totals', [
      ...totals(objects, ['connections', 'channels', 'queues', 'exchanges', 'consumers']),
      ...totals(messages, ['messages', 'messages_ready', 'messages_unacknowledged']),
    ]),
    ...section('Listeners', listeners),
  ].join('\n');
}

function statusObject(overview: JsonObject): JsonObject {
  const { product_name, product_version, rabbitmq_version, node, object_totals, queue_totals } = overview;
  return {
    product_name,
    product_version,
    rabbitmq_version,
    node,
    listeners: listenersOf(overview),
    object_totals,
    queue_totals,
  };
}

function listenersOf(overview: JsonObject): readonly JsonObject[] {
  const { listeners } = overview;
  return Array.isArray(listeners) ? listeners : [];
}

function totals(from: unknown, names: readonly string[]): string[] {
  const counts = new Map(Object.entries(typeof from === 'object' && from !== null ? from : {}));
  return names.map((name) => `${name.replaceAll('_', ' ')}: ${counts.get(name) ?? 0}`);
}

function section(title: string, lines: readonly string[]): string[] {
  return [title, '', ...lines, ''];
}
