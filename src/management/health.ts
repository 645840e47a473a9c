import type { BrokerView } from './view.ts';

/** The answer to a health check: 200 when `ok`, 503 otherwise. */
export interface HealthCheck {
  readonly ok: boolean;
  readonly body: Readonly<Record<string, unknown>>;
}

const ok: HealthCheck = { ok: true, body: { status: 'ok' } };

/** No resource alarm is in effect in the cluster. */
export function checkAlarms(view: BrokerView): HealthCheck {
  return alarmCheck(view, 'There are alarms in effect in the cluster');
}

/** No resource alarm is in effect on this node. */
export function checkLocalAlarms(view: BrokerView): HealthCheck {
  return alarmCheck(view, 'There are alarms in effect on the node');
}

function alarmCheck(view: BrokerView, reason: string): HealthCheck {
  const { alarms } = view.health();
  if (alarms.length === 0) return ok;
  return failed(reason, {
    alarms: alarms.map((resource) => ({ node: view.nodeName, resource })),
  });
}

/** Every virtual host can be used. */
export function checkVirtualHosts(view: BrokerView): HealthCheck {
  const { virtualHostsDown } = view.health();
  if (virtualHostsDown.length === 0) return ok;
  return failed('Some virtual hosts are down', { 'virtual-hosts': virtualHostsDown });
}

/** Everything that was read from the disk was intact. Not one of RabbitMQ's checks, which has no checksums. */
export function checkStore(view: BrokerView): HealthCheck {
  const { damagedMessages } = view.health();
  if (damagedMessages === 0) return ok;
  return failed('Some messages on disk are damaged and were not delivered', {
    damaged_messages: damagedMessages,
  });
}

/** Clients can connect and use their virtual hosts. */
export function checkReadyToServeClients(view: BrokerView): HealthCheck {
  if (!view.health().ready) return failed('The broker does not accept connections', {});
  return checkVirtualHosts(view);
}

function failed(reason: string, details: Readonly<Record<string, unknown>>): HealthCheck {
  return { ok: false, body: { status: 'failed', reason, ...details } };
}
