import type { Api } from '../api.ts';
import { badRequest } from '../http/api-error.ts';
import { Answer, type Route, route } from '../http/route.ts';

const tag = 'Health';
const healthy = { status: 'ok' };
const answers = { 200: 'Healthy', 503: 'Not healthy; `reason` says why' };

/** Names that RabbitMQ's clients use for what listeners speak. */
const protocolAliases: Readonly<Record<string, string>> = {
  amqp091: 'amqp',
  amqps: 'amqp/ssl',
  'amqp0.9.1': 'amqp',
  'amqp/tls': 'amqp/ssl',
};

const dayMs = 86_400_000;
const unitDays: Readonly<Record<string, number>> = { days: 1, weeks: 7, months: 30, years: 365 };

/** Checks for load balancers, orchestrators and monitoring (RabbitMQ page "Monitoring", "Health Checks"). */
export function healthRoutes(api: Api): readonly Route[] {
  const simple = (path: string, summary: string, handle: () => unknown): Route =>
    route('GET', { path, access: 'management', tag, summary, answers, handle });
  return [
    simple('/health/checks/alarms', 'No resource alarm in the cluster', () =>
      checkAlarms(api, 'There are alarms in effect in the cluster'),
    ),
    simple('/health/checks/local-alarms', 'No resource alarm on this node', () =>
      checkAlarms(api, 'There are alarms in effect on the node'),
    ),
    simple('/health/checks/virtual-hosts', 'All virtual hosts can be used', () => healthy),
    simple('/health/checks/store', 'Everything on disk can be read, and was intact where it was read', () =>
      checkStore(api),
    ),
    simple('/health/checks/node-is-mirror-sync-critical', 'No mirrored queue depends on this node', () => ({
      ...healthy,
      reason: 'single node cluster',
    })),
    simple('/health/checks/node-is-quorum-critical', 'No quorum queue depends on this node', () => ({
      ...healthy,
      reason: 'single node cluster',
    })),
    simple('/health/checks/ready-to-serve-clients', 'Clients can connect', () => readiness(api)),
    route('GET', {
      path: '/health/checks/port-listener/{port}',
      access: 'management',
      tag,
      summary: 'Something listens on a port',
      answers,
      handle: ({ parameters }) => checkPort(api, parameters.port),
    }),
    route('GET', {
      path: '/health/checks/protocol-listener/{protocol}',
      access: 'management',
      tag,
      summary: 'Something listens for a protocol: amqp091, amqps, http',
      answers,
      handle: ({ parameters }) => checkProtocol(api, parameters.protocol),
    }),
    route('GET', {
      path: '/health/checks/certificate-expiration/{within}/{unit}',
      access: 'management',
      tag,
      summary: 'No certificate of a TLS listener runs out within some days, weeks, months or years',
      answers,
      handle: ({ parameters: { within, unit } }) => {
        const days = unitDays[unit];
        if (days === undefined) {
          throw badRequest('Time unit not recognised. Supported units: days, weeks, months, years.');
        }
        if (!/^\d{1,6}$/.test(within)) throw badRequest('Invalid expiration value.');
        return checkCertificates(api, api.broker.clock.now() + Number(within) * days * dayMs);
      },
    }),
  ];
}

/** Clients can connect. */
export function readiness(api: Api): Answer {
  const isReady = api.clients.addresses.length > 0;
  return isReady ? new Answer(200, healthy) : failed('The broker does not accept connections');
}

function checkAlarms({ broker, node }: Api, reason: string): unknown {
  const { resources } = broker.alarms;
  if (resources.length === 0) return healthy;
  // RabbitMQ's words here; elsewhere it says disk.
  const alarms = resources.map((resource) => ({
    node,
    resource: resource === 'disk' ? 'disk space' : resource,
  }));
  return failed(reason, { alarms });
}

/** Not one of RabbitMQ's checks, which has no checksums. */
function checkStore({ broker }: Api): unknown {
  const { damagedCount, unreadableFiles } = broker.store;
  if (damagedCount === 0 && unreadableFiles.length === 0) return healthy;
  const reason =
    unreadableFiles.length > 0
      ? 'Some files cannot be read, and the messages in them wait'
      : 'Some messages on disk are damaged and were not delivered';
  return failed(reason, { damaged_messages: damagedCount, unreadable_files: unreadableFiles });
}

/** Those that are in use, not the files. */
function checkCertificates(api: Api, until: number): unknown {
  const expired = api.listeners().flatMap(({ protocol, host, port, certificates }) => {
    if (certificates === undefined || certificates.expiresAt > until) return [];
    const certfile_expires_on = new Date(certificates.expiresAt).toISOString().replace('.000', '');
    return [{ node: api.node, protocol, interface: host, port, certfile_expires_on }];
  });
  return expired.length === 0 ? healthy : failed('Certificates expiring', { expired });
}

function checkPort(api: Api, port: string): unknown {
  if (!/^\d{1,5}$/.test(port)) throw badRequest('Invalid port');
  const ports = api.listeners().map((listener) => listener.port);
  if (ports.includes(Number(port))) return { ...healthy, port: Number(port) };
  return failed('No active listener', { missing: Number(port), ports });
}

function checkProtocol(api: Api, given: string): unknown {
  const protocol = Object.hasOwn(protocolAliases, given) ? protocolAliases[given] : given;
  const protocols = [...new Set(api.listeners().map((listener) => listener.protocol))];
  if (protocol !== undefined && protocols.includes(protocol)) return { ...healthy, protocol };
  return failed('No active listener', { missing: protocol, protocols });
}

function failed(reason: string, details: Readonly<Record<string, unknown>> = {}): Answer {
  return new Answer(503, { status: 'failed', reason, ...details });
}
