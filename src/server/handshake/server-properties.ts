import type { FieldTable } from '../../protocol/field-table.ts';
import { tableFrom } from '../../protocol/plain-value.ts';
import type { ServerSettings } from '../settings.ts';

/** Features a client may rely on. */
const capabilities = {
  publisher_confirms: true,
  exchange_exchange_bindings: true,
  'basic.nack': true,
  consumer_cancel_notify: true,
  'connection.blocked': true,
  consumer_priorities: true,
  authentication_failure_close: true,
  per_consumer_qos: true,
  direct_reply_to: true,
};

/**
 * How the broker introduces itself in connection.start. `product` and `version` are RabbitMQ's by
 * default: kombu, for one, chooses the meaning of basic.qos by them.
 */
export function serverProperties({ product, version, clusterName }: ServerSettings): FieldTable {
  return tableFrom({
    capabilities: tableFrom(capabilities),
    cluster_name: clusterName(),
    copyright: 'Copyright (c) the Leveret authors',
    information: 'Leveret. Licensed under the MIT License',
    platform: `Leveret on Node.js ${process.versions.node}`,
    product,
    version,
  });
}
