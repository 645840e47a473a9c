import { type ManagementServer, startManagement } from '../../src/management/server.ts';
import type { BrokerView, HealthView, QueueView } from '../../src/management/view.ts';

const queue: QueueView = {
  name: 'orders',
  vhost: '/',
  durable: true,
  autoDelete: false,
  exclusive: false,
  type: 'classic',
  arguments: { 'x-max-length': 5, 'x-dead-letter-exchange': 'dead' },
  policy: undefined,
  operatorPolicy: undefined,
  effectivePolicyDefinition: {},
  messagesReady: 3,
  messagesUnacknowledged: 2,
  consumers: 1,
  state: 'running',
};

const healthy: HealthView = { ready: true, alarms: [], virtualHostsDown: [], damagedMessages: 0 };

/** A broker with two virtual hosts and three queues, as the HTTP API sees it. */
export function brokerView(health: Partial<HealthView> = {}): BrokerView {
  return {
    nodeName: 'leveret@test',
    totals: () => ({
      connections: 1,
      channels: 2,
      exchanges: 7,
      queues: 3,
      consumers: 1,
      messagesReady: 3,
      messagesUnacknowledged: 2,
    }),
    listeners: () => [{ protocol: 'amqp', address: '::', port: 5672 }],
    virtualHosts: () => ['/', 'other'],
    queues: () => [
      { ...queue, name: 'zeta', vhost: 'other' },
      queue,
      { ...queue, name: 'a b', arguments: {}, durable: false, messagesReady: 0, messagesUnacknowledged: 0 },
    ],
    health: () => ({ ...healthy, ...health }),
  };
}

/** The HTTP API on a free port; guest (password guest) manages, app (password app) does not. */
export function startTestManagement(view: BrokerView): Promise<ManagementServer> {
  return startManagement({
    port: 0,
    host: '127.0.0.1',
    view,
    authenticate: async (username, password) =>
      username === password ? { username, tags: username === 'guest' ? ['administrator'] : [] } : undefined,
  });
}
