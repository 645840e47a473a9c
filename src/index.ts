import { AccessControl } from './access/access-control.ts';
import { Broker } from './broker/broker.ts';
import { systemClock } from './broker/clock.ts';
import { MemoryStore, type Store } from './broker/store.ts';
import { type Logger, silentLogger } from './logger.ts';
import type { BrokerOptions, RunningBroker } from './options.ts';
import { Listener } from './server/listener.ts';
import { defaultServerSettings, type ServerSettings } from './server/settings.ts';

export type { Logger } from './logger.ts';
export type { BrokerOptions, RunningBroker } from './options.ts';

const defaultHost = '127.0.0.1';
const defaultPort = 5672;

/**
 * Starts a broker in this process and resolves when it accepts clients.
 *
 * ```ts
 * const broker = await startBroker({ port: 0, dataDir: './data' });
 * // ... connect to broker.url
 * await broker.close();
 * ```
 *
 * Without `dataDir` everything is gone when the broker closes.
 *
 * @throws the operating system's error when a port cannot be listened on, and when the data directory
 * cannot be opened
 */
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const log = options.logger ?? silentLogger;
  const store = openStore(options);
  const broker = new Broker(store, systemClock, brokerEvents(log));
  const access = new AccessControl();
  access.addDefaultUser();
  const listener = new Listener({ broker, access, settings: serverSettings(options), log });
  try {
    const { host, port } = await listener.listen(options.host ?? defaultHost, options.port ?? defaultPort);
    return {
      host,
      port,
      managementPort: undefined,
      url: amqpUrl(host, port),
      close: async () => {
        await listener.close();
        await broker.close();
      },
    };
  } catch (error) {
    await broker.close();
    throw error;
  }
}

function openStore(_options: BrokerOptions): Store {
  return new MemoryStore();
}

function brokerEvents(log: Logger) {
  return {
    storeFailed: (cause: unknown) => log.error({ err: cause }, 'the store failed'),
    messagesMissing: (logId: number, count: number) =>
      log.error({ logId, count }, `${count} messages are missing in the store`),
  };
}

/** What was not said stays at its default. */
function serverSettings(options: BrokerOptions): ServerSettings {
  const defaults = defaultServerSettings;
  return {
    ...defaults,
    heartbeatSeconds: options.heartbeatSeconds ?? defaults.heartbeatSeconds,
    frameMaxBytes: options.frameMaxBytes ?? defaults.frameMaxBytes,
    channelMax: options.channelMax ?? defaults.channelMax,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? defaults.handshakeTimeoutMs,
    refusalDelayMs: options.refusalDelayMs ?? defaults.refusalDelayMs,
    maxMessageBytes: options.maxMessageBytes ?? defaults.maxMessageBytes,
  };
}

/** For clients on this machine: an unspecified address cannot be connected to everywhere. */
function amqpUrl(host: string, port: number): string {
  if (host === '::' || host === '0.0.0.0') return `amqp://127.0.0.1:${port}`;
  return `amqp://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
