import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { controlSocketPath } from '../config/control-socket.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { hasEnvironmentPrefix } from '../config/setting.ts';
import { type Config, settings } from '../config/settings.ts';
import type { Logs } from '../logs/logs.ts';
import type { Program } from '../management/program.ts';
import type { RunningBroker, StartBroker } from '../options.ts';
import { DataDirectoryError } from '../storage/directory/data-directory-error.ts';
import { version } from '../version.ts';
import { settleYoungGeneration } from '../young-generation.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import type { Flags } from './flags.ts';
import { openLogs } from './open-logs.ts';
import { memoryWatermark, Reload } from './reload.ts';
import { ServiceManager } from './service-manager.ts';

interface Failure {
  readonly cause: unknown;
}

/** The settings as flags: those of `leveret server`. */
export const settingFlags: Flags = Object.fromEntries(
  settings
    .filter(({ secret }) => secret !== true)
    .map((setting) => [
      setting.flag,
      { doc: setting.doc, placeholder: setting.type.placeholder, defaultText: setting.defaultText },
    ]),
);

/**
 * `leveret server`: runs a broker until SIGTERM or SIGINT. A second signal does not wait for the
 * broker to close.
 *
 * @throws ConfigError, CommandError with one line that says why the broker cannot run.
 */
export async function runServer(
  flags: Readonly<Record<string, string>>,
  start: StartBroker,
): Promise<ExitCode> {
  const load = () => loadConfig({ flags, environment: process.env, workingDirectory: process.cwd() });
  const loaded = load();
  const logs = await openLogs(loaded.config.log);
  try {
    return await run(loaded, load, logs, start);
  } finally {
    await logs.close();
  }
}

async function run(
  loaded: LoadedConfig,
  load: () => LoadedConfig,
  logs: Logs,
  start: StartBroker,
): Promise<ExitCode> {
  const { config } = loaded;
  for (const warning of loaded.warnings) logs.warn({}, warning);

  const signal = firstSignal(logs);
  // Before the broker runs there is nothing to reload, and the signal must not end the process.
  let reload: Reload | undefined;
  process.on('SIGHUP', () => void (reload === undefined ? logs.reopen() : reload.run()));
  const dataDir = resolve(config.dataDir);
  await prepareDataDir(dataDir);
  const { failure, onFailure } = firstFailure();
  const broker = await started(start, logs, {
    ...brokerOptions(config),
    dataDir,
    controlSocket: controlSocketPath(config),
    logger: logs,
    logLevels: logs,
    onFailure,
    program: programOf(loaded, () => reload),
  });
  settleYoungGeneration();
  reload = new Reload(loaded, load, logs, broker);
  const { url, managementPort } = broker;
  const fields = { version, url, managementPort, dataDir, configFile: config.configFile };
  logs.info(fields, readyLine(broker, dataDir));
  const serviceManager = new ServiceManager(process.env, logs);
  serviceManager.ready(`Serving AMQP at ${address(broker.host, broker.port)}`);

  const end = await Promise.race([signal, failure]);
  if (typeof end !== 'string') {
    // Closing would wait for the store, which is what failed.
    logs.error({ err: end.cause }, 'the store failed; the next start recovers what is on disk');
    return ExitCode.Failure;
  }
  logs.info({}, `${end}: closing connections and writing what is left`);
  serviceManager.stopping();
  await broker.close();
  logs.info({}, 'stopped');
  return ExitCode.Ok;
}

/** @throws CommandError with one line that says why the broker cannot run */
async function started(
  start: StartBroker,
  logs: Logs,
  options: Parameters<StartBroker>[0],
): Promise<RunningBroker> {
  try {
    return await start(options);
  } catch (error) {
    logs.debug({ err: error }, 'start failed');
    throw startError(error);
  }
}

/** What the HTTP API shows of the process, and lets it do. `reload` is there once the broker runs. */
function programOf(loaded: LoadedConfig, reload: () => Reload | undefined): Program {
  return {
    get settings() {
      return reload()?.settings ?? loaded.effective;
    },
    environment: shownEnvironment(process.env),
    reload: async () => reload()?.run(),
    stop: () => process.kill(process.pid, 'SIGTERM'),
  };
}

/** `failure` resolves when the broker reports one to `onFailure`. */
function firstFailure(): {
  readonly failure: Promise<Failure>;
  readonly onFailure: (cause: unknown) => void;
} {
  let onFailure: (cause: unknown) => void = () => {};
  const failure = new Promise<Failure>((resolveFailure) => {
    onFailure = (cause) => resolveFailure({ cause });
  });
  return { failure, onFailure };
}

/** Ours, but for those that hold passwords. */
function shownEnvironment(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const ours = Object.entries(environment).filter(([name]) => hasEnvironmentPrefix(name));
  return Object.fromEntries(
    ours.map(([name, value = '']) => [name, /PASS|SECRET|TOKEN|KEY/.test(name) ? '(hidden)' : value]),
  );
}

function brokerOptions(config: Config) {
  const { configFile: _configFile, log: _log, controlSocket: _socket, ...given } = config;
  const {
    managementPort,
    metricsPort,
    consumerMax,
    memoryWatermarkShare: _share,
    memoryWatermarkBytes: _bytes,
    login: { mechanisms, ...certificateLogin },
    ...options
  } = given;
  return {
    ...options,
    ...(managementPort !== undefined && { managementPort }),
    ...(metricsPort !== undefined && { metricsPort }),
    ...(consumerMax !== undefined && { consumerMax }),
    memoryWatermark: memoryWatermark(config),
    authMechanisms: mechanisms,
    certificateLogin,
  };
}

function readyLine(broker: RunningBroker, dataDir: string): string {
  const { managementPort: http, managementTlsPort: https } = broker;
  const ports = [
    http !== undefined && `HTTP API on port ${http}`,
    https !== undefined && `HTTPS API on port ${https}`,
  ];
  const management = ports.filter((port) => port !== false).join(', ') || 'no HTTP API';
  return `Leveret ${version} ready at ${address(broker.host, broker.port)}, ${management}, data in ${dataDir}`;
}

/** Resolves with the name of the first signal that asks the process to stop. */
function firstSignal(logs: Logs): Promise<NodeJS.Signals> {
  return new Promise((resolveSignal) => {
    let stopping = false;
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        if (stopping) {
          logs.warn({}, `${name} again: stopping at once`);
          void logs.close().then(() => process.exit(ExitCode.Failure));
          return;
        }
        stopping = true;
        resolveSignal(name);
      });
    }
  });
}

async function prepareDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new CommandError(
      `cannot write to the data directory ${dataDir} (${codeOf(error) ?? error}): choose another with --data-dir`,
      ExitCode.CannotCreate,
    );
  }
}

/** One line for what goes wrong most often when a broker starts. */
function startError(error: unknown): CommandError {
  if (error instanceof DataDirectoryError) return new CommandError(error.message, ExitCode.CannotCreate);
  const code = codeOf(error);
  const { address: host, port } = listenError(error);
  const where = port === undefined ? 'a port' : address(host ?? '', port);
  switch (code) {
    case 'EADDRINUSE':
      return new CommandError(
        `${where} is already in use, perhaps by another broker: choose another with --port, --management-port or --metrics-port`,
        ExitCode.Unavailable,
      );
    case 'EADDRNOTAVAIL':
      return new CommandError(`${where} is not an address of this machine: see --host`, ExitCode.Unavailable);
    case 'EACCES':
      return new CommandError(`no permission for ${where}`, ExitCode.Unavailable);
    default:
      return new CommandError(error instanceof Error ? error.message : String(error));
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function listenError(error: unknown): { address?: string; port?: number } {
  if (!(error instanceof Error)) return {};
  return {
    ...('address' in error && typeof error.address === 'string' && { address: error.address }),
    ...('port' in error && typeof error.port === 'number' && { port: error.port }),
  };
}

function address(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
