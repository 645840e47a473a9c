import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { AccessControl } from './access/access-control.ts';
import { BackEnds } from './access/chain.ts';
import { defaultLoginFailureLimits } from './access/login-throttle.ts';
import { mechanisms } from './access/mechanisms/registry.ts';
import { Administration } from './administration/administration.ts';
import type { Audit } from './administration/audit.ts';
import { Broker, type BrokerEvents } from './broker/broker.ts';
import { systemClock } from './broker/clock.ts';
import { MemoryStore, type Store } from './broker/store.ts';
import { Closers } from './closers.ts';
import { backupControl } from './control/backup-control.ts';
import { delayControl } from './control/delay-control.ts';
import { messageControl } from './control/message-control.ts';
import { loadDefinitions } from './definitions/load.ts';
import { amqpUrl, CertificateStock, openAmqpListeners, openManagement, openMetrics } from './listeners.ts';
import { type Logger, ofCategory, silentLogger } from './logger.ts';
import type { BrokerOptions, RunningBroker } from './options.ts';
import type { MemoryWatermark } from './resources/memory-monitor.ts';
import { ResourceMonitor } from './resources/resource-monitor.ts';
import { Listener } from './server/listener.ts';
import { defaultServerSettings, type ServerSettings } from './server/settings.ts';
import { openLmdbStore } from './storage/lmdb-store.ts';
import { openTracing } from './tracing/tracing.ts';

export type { AuthenticationOptions, BackEndChoice, BackEndName } from './access/authentication-options.ts';
export type { NewPolicy, PolicyControl } from './administration/policy-control.ts';
export { type Policy, PolicyError } from './broker/policies/policy.ts';
export type { MoveProgress, MoveResult } from './broker/queues/move.ts';
export type { QueuedMessage, QueuePage } from './broker/queues/peek.ts';
export { BackupError } from './broker/store.ts';
export type { PassingMessage } from './broker/taps/passing-messages.ts';
export type { BackupControl, BackupRequest, BackupStatus } from './control/backup-control.ts';
export type { DelayControl, DelayedMessage, DelayedRange, DelayPlace } from './control/delay-control.ts';
export type {
  ChangeRequest,
  MessageControl,
  MoveRequest,
  PeekRequest,
  ReplayRequest,
  TailRequest,
} from './control/message-control.ts';
export type { TailEvent, TailOptions } from './control/message-tail.ts';
export { MissingTargetError } from './control/missing-target-error.ts';
export type { LogCategory, Logger } from './logger.ts';
export type { LogLevel } from './logs/level.ts';
export type { LogLevelControl, LogLevels } from './logs/logs.ts';
export type { ManagementLimits } from './management/http/request-limits.ts';
export type {
  BrokerOptions,
  RunningBroker,
  TlsListenerOptions,
  TracingOptions,
} from './options.ts';
export type { CertificateFiles, TlsOptions, TlsVersion } from './tls/options.ts';
export { TlsError } from './tls/tls-error.ts';

const defaultMemoryWatermark: MemoryWatermark = { relative: 0.6 };
const defaultDiskFreeLimitBytes = 50_000_000;
const defaultStatisticsIntervalMs = 5_000;

/**
 * How long consumers that have waited for the broker have it for themselves. Loading the HTTP API keeps the event loop busy
 * for a third of a second, with few breaks.
 */
const firstServedMs = 50;

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
 * @throws DataDirectoryError when the data directory cannot be used, and the operating system's error when
 * a port cannot be listened on
 */
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const closers = new Closers();
  try {
    return await open(options, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** Opens one part after the other, and clients' ports last. What has been opened is in `closers`, whatever comes of it. */
async function open(options: BrokerOptions, closers: Closers): Promise<RunningBroker> {
  const log = options.logger ?? silentLogger;
  const nodeName = `leveret@${hostname()}`;
  const tracing = options.tracing && openTracing(options.tracing, nodeName, log);
  if (tracing !== undefined) closers.add(() => tracing.exporter.close());
  const store = await openStore(options);
  closers.add(() => store.close());
  // Nobody is connected yet.
  let dropClients = (): void => {};
  const events = storeEvents(log, (cause) => {
    dropClients();
    options.onFailure?.(cause);
  });
  const broker = Broker.open(store, systemClock, events, options.defaultVirtualHost, tracing?.spans);
  closers.replaceLast(() => broker.close());
  const resources = await ResourceMonitor.start({
    alarms: broker.alarms,
    events: broker.events,
    clock: systemClock,
    log,
    nodeName,
    memoryWatermark: options.memoryWatermark ?? defaultMemoryWatermark,
    dataDir: options.dataDir,
    diskFreeLimit: options.diskFreeLimitBytes ?? defaultDiskFreeLimitBytes,
  });
  closers.add(() => resources.stop());
  const access = openAccess(options, broker, log, closers);
  // Asked for when clients connect.
  const clusterName = (): string => administration.clusterName;
  const settings = serverSettings(options, nodeName, clusterName);
  const listener = new Listener({ broker, access, settings, log });
  dropClients = () => listener.abort();
  const administration = await Administration.open(
    { broker, access, nodeName, connections: listener, log, newPasswordHashing: options.passwordHashing },
    {
      name: options.defaultUser,
      password: options.defaultPassword,
      vhost: options.defaultVirtualHost,
      tags: options.defaultUserTags,
      permissions: options.defaultPermissions,
      seeded: options.seededUsers,
    },
  );
  closers.add(() => listener.close());
  if (options.definitionsFile !== undefined) {
    await loadDefinitions({ broker, administration }, options.definitionsFile, log);
  }
  administration.audit.listen(broker.events);
  const backups = backupControl(broker, log, (what) => administration.audit.done(what));
  const stock = new CertificateStock(log);
  closers.add(() => stock.close());
  const amqp = await openAmqpListeners(options, listener, stock);
  if (broker.hasBacklog) await delay(firstServedMs);
  const management = await openManagement(options, stock, listener, {
    node: nodeName,
    broker,
    administration,
    clients: listener,
    access,
    limits: resources,
    controls: {
      setMemoryWatermark: (watermark) => resources.setMemoryWatermark(watermark),
      setDiskFreeLimit: (bytes) => resources.setDiskFreeLimit(bytes),
      suspendListeners: () => listener.suspend(),
      resumeListeners: () => listener.resume(),
    },
    program: options.program,
    dataDir: options.dataDir,
    maxMessageBytes: options.maxMessageBytes ?? defaultServerSettings.maxMessageBytes,
    consumerTimeoutMs: settings.consumerTimeoutMs,
    statisticsIntervalMs: options.statisticsIntervalMs ?? defaultStatisticsIntervalMs,
    logger: log,
    logLevels: options.logLevels,
    backups,
  });
  // Its ports stay open for as long as somebody is connected by WebSocket.
  closers.add(() => Promise.all([listener.close(), management.close()]).then(() => {}));
  const metrics = await openMetrics(options, {
    broker,
    listener,
    resources,
    nodeName,
    clusterName,
    clusterId: () => administration.clusterId,
    loginCounts: access.loginCounts,
    spanExporter: tracing?.exporter,
    log,
  });
  if (metrics !== undefined) {
    closers.add(() => metrics.close());
    management.announce({ protocol: 'http/prometheus', host: metrics.host, port: metrics.port });
  }
  const address = amqp.plain ?? amqp.tls;
  if (address === undefined) throw new Error('there is no listener for AMQP: neither port nor tls is given');
  return {
    ...administration.policies,
    ...delayControl(broker),
    ...messageControl(broker),
    administration,
    backUp: backups.backUp,
    get lastBackup() {
      return backups.lastBackup;
    },
    host: address.host,
    port: address.port,
    tlsPort: amqp.tls?.port,
    managementPort: management.plain?.port,
    managementTlsPort: management.tls?.port,
    metricsPort: metrics?.port,
    url: amqpUrl(address),
    reloadCertificates: () => stock.reload(),
    get alarms() {
      return broker.alarms.resources;
    },
    setMemoryWatermark: (watermark) => resources.setMemoryWatermark(watermark),
    setDiskFreeLimit: (bytes) => resources.setDiskFreeLimit(bytes),
    setTracing: (vhost, isTracing) => setTracing(broker, vhost, isTracing, administration.audit, log),
    close: () => closers.close(),
  };
}

/** What the log says of the store. Where it fails, `onFailure` ends what relies on it. */
function storeEvents(log: Logger, onFailure: (cause: unknown) => void): BrokerEvents {
  const storeLog = ofCategory(log, 'store');
  const queueLog = ofCategory(log, 'queue');
  return {
    storeFailed: (cause) => {
      const what = 'the store failed: nothing is confirmed any more, dropping all connections';
      storeLog.error({ err: cause }, what);
      onFailure(cause);
    },
    storeFull: (cause) => {
      if (cause === undefined) {
        storeLog.info({}, 'the store has room again: messages are written and confirmed');
      } else {
        storeLog.warn({ err: cause }, `the store is full, publishers wait: ${cause.message}`);
      }
    },
    messagesMissing: (logId, count) => {
      queueLog.error({ logId, count }, `${count} messages could not be read from the store`);
    },
    queueUnreadable: (resource, cause) => {
      queueLog.error(
        { err: cause },
        `${resource} could not be read: a consumer that was to begin at a time is cancelled`,
      );
    },
  };
}

function openAccess(options: BrokerOptions, broker: Broker, log: Logger, closers: Closers): AccessControl {
  return new AccessControl({
    chain: (internal) => {
      const backEnds = new BackEnds(options.authentication ?? {}, internal, systemClock, log);
      closers.add(() => backEnds.close());
      return backEnds.chain;
    },
    define: (key, value) => broker.define(key, value),
    mechanisms: mechanisms(options.authMechanisms, options.certificateLogin),
    ...(options.loopbackUsers !== undefined && { loopbackUsers: options.loopbackUsers }),
    loginFailureLimits: {
      perAddress: options.loginFailuresPerAddress ?? defaultLoginFailureLimits.perAddress,
      perUser: options.loginFailuresPerUser ?? defaultLoginFailureLimits.perUser,
    },
    log,
  });
}

async function openStore({ dataDir, generationBytes, logger }: BrokerOptions): Promise<Store> {
  if (dataDir === undefined) return new MemoryStore();
  const log = ofCategory(logger ?? silentLogger, 'store');
  return openLmdbStore({
    dataDir,
    ...(generationBytes !== undefined && { generationBytes }),
    log: {
      info: (message) => log.info({ dataDir }, message),
      warn: (message) => log.warn({ dataDir }, message),
      error: (message) => log.error({ dataDir }, message),
    },
  });
}

/** What was not said stays at its default. */
function serverSettings(options: BrokerOptions, nodeName: string, clusterName: () => string): ServerSettings {
  const defaults = defaultServerSettings;
  return {
    ...defaults,
    heartbeatSeconds: options.heartbeatSeconds ?? defaults.heartbeatSeconds,
    frameMaxBytes: options.frameMaxBytes ?? defaults.frameMaxBytes,
    channelMax: options.channelMax ?? defaults.channelMax,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? defaults.handshakeTimeoutMs,
    refusalDelayMs: options.refusalDelayMs ?? defaults.refusalDelayMs,
    consumerTimeoutMs: options.consumerTimeoutMs ?? defaults.consumerTimeoutMs,
    maxMessageBytes: options.maxMessageBytes ?? defaults.maxMessageBytes,
    unackedMax: options.unackedMax ?? defaults.unackedMax,
    transactionBytesMax: options.transactionBytesMax ?? defaults.transactionBytesMax,
    consumerMax: options.consumerMax ?? defaults.consumerMax,
    connectionMax: options.connectionMax ?? defaults.connectionMax,
    clusterName,
    nodeName,
  };
}

function setTracing(broker: Broker, vhostName: string, isTracing: boolean, audit: Audit, log: Logger): void {
  const vhost = broker.vhost(vhostName);
  if (vhost === undefined) throw new Error(`vhost ${vhostName} not found`);
  vhost.firehose.isOn = isTracing;
  const what = `tracing of vhost '${vhostName}' ${isTracing ? 'on' : 'off'}`;
  log.info({ vhost: vhostName }, what);
  audit.done(what);
}
