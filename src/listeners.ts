import type { Logger } from './logger.ts';
import type { ListenerInfo } from './management/clients.ts';
import type { HttpServer } from './management/http/http-server.ts';
import type { ManagementOptions } from './management/server.ts';
import type { MetricsOptions, MetricsServer } from './metrics/server.ts';
import type { BrokerOptions } from './options.ts';
import type { Listener, ListenerAddress } from './server/listener.ts';
import { listenableHost } from './server/sockets/any-address.ts';
import { Certificates } from './tls/certificates.ts';
import type { TlsOptions } from './tls/options.ts';

const defaultHost = '127.0.0.1';
const defaultPort = 5672;
const defaultTlsPort = 5671;
const defaultManagementTlsPort = 15_671;

/** The addresses AMQP clients connect to. */
export interface AmqpAddresses {
  readonly plain: ListenerAddress | undefined;
  readonly tls: ListenerAddress | undefined;
}

/** Certificates of all listeners: read when they start, and again on demand. */
export class CertificateStock {
  readonly #log: Logger;
  readonly #all: Certificates[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @throws TlsError when they cannot be used */
  add(options: TlsOptions | undefined): Certificates | undefined {
    if (options === undefined) return undefined;
    const certificates = new Certificates(options, this.#log);
    this.#all.push(certificates);
    return certificates;
  }

  reload(): void {
    for (const certificates of this.#all) certificates.reload();
  }

  close(): void {
    for (const certificates of this.#all) certificates.close();
  }
}

/**
 * Lets AMQP clients in: over TCP, over TLS, or both.
 *
 * @throws TlsError, and the operating system's error when a port cannot be listened on
 */
export async function openAmqpListeners(
  options: BrokerOptions,
  listener: Listener,
  stock: CertificateStock,
): Promise<AmqpAddresses> {
  const { port = defaultPort, tls, proxyProtocol = false } = options;
  const host = options.host ?? defaultHost;
  const certificates = stock.add(tls);
  return {
    plain: port === 'none' ? undefined : await listener.listen(listenableHost(host), port, { proxyProtocol }),
    tls:
      tls &&
      (await listener.listen(listenableHost(tls.host ?? host), tls.port ?? defaultTlsPort, {
        certificates,
        proxyProtocol,
      })),
  };
}

/** The HTTP API, and where it can be reached. */
export interface OpenManagement {
  readonly plain: HttpServer | undefined;
  readonly tls: HttpServer | undefined;
  /** Names a listener that others opened among those of this broker. */
  announce(listener: ListenerInfo): void;
  close(): Promise<void>;
}

/**
 * The HTTP API over HTTP, HTTPS or both, if it is wanted, and AMQP by WebSocket on the same ports. Its code is loaded
 * here and not before: that takes a third of a start, and AMQP clients are let in meanwhile.
 *
 * @throws as {@link openAmqpListeners} does
 */
export async function openManagement(
  options: BrokerOptions,
  stock: CertificateStock,
  listener: Listener,
  parts: Omit<ManagementOptions, 'onServer' | 'requestLimits'>,
): Promise<OpenManagement> {
  const { Management } = await import('./management/server.ts');
  const { serveWebSockets } = await import('./server/sockets/websocket.ts');
  const { managementPort: port, managementTls: tls, controlSocket } = options;
  const host = options.managementHost ?? options.host ?? defaultHost;
  const certificates = stock.add(tls);
  const allowedOrigins = options.webSocketOrigins ?? [];
  const management = new Management({
    ...parts,
    requestLimits: options.managementLimits,
    onServer: (server) => {
      if (options.webSocket === false) return;
      serveWebSockets(server, { allowedOrigins, enter: (transport) => listener.enter(transport) });
    },
  });
  const close = () => management.close();
  try {
    if (controlSocket !== undefined) await management.listenLocally(controlSocket);
    return {
      plain: port === undefined ? undefined : await management.listen({ port, host: listenableHost(host) }),
      tls:
        tls &&
        (await management.listen({
          port: tls.port ?? defaultManagementTlsPort,
          host: listenableHost(tls.host ?? host),
          certificates,
        })),
      announce: (opened) => management.announce(opened),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The metrics, if they are wanted; @throws the operating system's error when the port cannot be listened on. */
export async function openMetrics(
  options: BrokerOptions,
  source: Omit<MetricsOptions, 'port' | 'host' | 'dataDir' | 'isPerObject'>,
): Promise<MetricsServer | undefined> {
  if (options.metricsPort === undefined) return undefined;
  const host = listenableHost(options.metricsHost ?? options.host ?? defaultHost);
  const { startMetrics } = await import('./metrics/server.ts');
  const { metricsPort: port, dataDir, metricsPerObject: isPerObject = false } = options;
  return startMetrics({ ...source, port, host, dataDir, isPerObject });
}

/** `amqp://` or `amqps://` for clients on this machine: an unspecified address cannot be connected to everywhere. */
export function amqpUrl({ protocol, host, port }: ListenerAddress): string {
  const scheme = protocol === 'amqp' ? 'amqp' : 'amqps';
  if (host === '::' || host === '0.0.0.0') return `${scheme}://127.0.0.1:${port}`;
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
