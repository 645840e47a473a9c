import type { JsonObject } from '../../json-object.ts';
import { objectOf, objectsOf } from './api.ts';
import type { Invocation } from './command.ts';

/** A path of the API that has to do with the node that answers. @throws CommandError */
export async function nodePath(given: Invocation, path = ''): Promise<string> {
  return `/api/nodes/${encodeURIComponent(await given.node())}${path}`;
}

/** Where something listens, with rabbitmqctl's fields. */
export function listenersOf(overview: JsonObject): readonly JsonObject[] {
  return objectsOf(overview['listeners']).map(({ node, protocol, ip_address: address, port }) => ({
    node,
    interface: String(address).includes(':') ? `[${address}]` : address,
    port,
    protocol,
    purpose: purposes[String(protocol)] ?? protocol,
  }));
}

const purposes: Readonly<Record<string, string>> = {
  amqp: 'AMQP 0-9-1',
  'amqp/ssl': 'AMQP 0-9-1 over TLS',
  http: 'HTTP API',
  https: 'HTTP API over TLS (HTTPS)',
  'http/prometheus': 'Prometheus exporter API over HTTP',
};

export function listenerLine({ interface: address, port, protocol, purpose }: JsonObject): string {
  return `Interface: ${address}, port: ${port}, protocol: ${protocol}, purpose: ${purpose}`;
}

/** Bytes by use; the sum is `total`. */
export function memoryOf(node: JsonObject): Readonly<Record<string, number>> {
  const memory = objectOf(node['memory']);
  const [binary, slabs] = [bytes(memory['binary']), bytes(memory['slabs'])];
  const rss = bytes(objectOf(memory['total'])['rss'] ?? node['mem_used']);
  const own = {
    heap: bytes(memory['heap']),
    message_slabs: slabs,
    other_buffers: Math.max(0, binary - slabs),
    external: Math.max(0, bytes(memory['external']) - binary),
  };
  const sum = Object.values(own).reduce((all, each) => all + each, 0);
  return { ...own, other: Math.max(0, rss - sum), total: rss };
}

function bytes(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
