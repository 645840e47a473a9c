import { type FieldTable, tableFrom } from '../protocol/field-table.ts';
import type { ServerSettings } from './settings.ts';

/**
 * Features a client may rely on: what is not here does not exist yet. Later ones: `connection.blocked`
 * (resource alarms), `consumer_priorities`, `direct_reply_to`.
 */
const capabilities = {
  publisher_confirms: true,
  exchange_exchange_bindings: true,
  'basic.nack': true,
  consumer_cancel_notify: true,
  authentication_failure_close: true,
  per_consumer_qos: true,
};

/**
 * How the broker introduces itself in connection.start. `product` and `version` are RabbitMQ's by
 * default: kombu, for one, chooses the meaning of basic.qos by them.
 */
export function serverProperties({ product, version, clusterName }: ServerSettings): FieldTable {
  return tableFrom({
    capabilities: tableFrom(capabilities),
    cluster_name: clusterName,
    copyright: 'Copyright (c) the Leveret authors',
    information: 'Leveret. Licensed under the MIT License',
    platform: `Leveret on Node.js ${process.versions.node}`,
    product,
    version,
  });
}
