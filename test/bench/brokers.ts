/** The brokers that are measured: how to start each one on its own ports and directories. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrokerProcess } from './broker-process.ts';
import type { Scenario } from './scenario.ts';

export const brokerNames = ['leveret', 'ceiling', 'rabbitmq'] as const;
export type BrokerName = (typeof brokerNames)[number];

export interface Broker {
  readonly name: BrokerName;
  /** Starting takes long: one process serves all scenarios but those that ask for a fresh one. */
  readonly keep: boolean;
  /** Why it cannot be measured, or `undefined`. */
  readonly missing: string | undefined;
  canRun(scenario: Scenario): boolean;
  start(scenario: Scenario): Promise<BrokerProcess>;
}

const rabbitmqServer = '/usr/lib/rabbitmq/bin/rabbitmq-server';

/** `ceilingFile` is a data path without a broker around it: what the machine allows. */
export function allBrokers(ceilingFile: string): readonly Broker[] {
  return [leveret(), ceiling(ceilingFile), rabbitmq()];
}

function leveret(): Broker {
  const program = 'dist/cli/leveret.js';
  return {
    name: 'leveret',
    keep: false,
    missing: existsSync(program) ? undefined : `${program} is not built`,
    canRun: () => true,
    start: async ({ metrics, generationMib }) => {
      const port = await freePort();
      const metricsPort = metrics && (await freePort());
      const directory = await mkdtemp(join(tmpdir(), 'leveret-bench-'));
      const options = [
        `--port ${port} --host 127.0.0.1 --management-port none --metrics-port ${metricsPort ?? 'none'}`,
        `--data-dir ${directory} --log-level error`,
        ...(generationMib === undefined ? [] : [`--generation-size ${generationMib}MiB`]),
      ];
      return BrokerProcess.start({
        port,
        metricsPort,
        directory,
        program,
        args: ['server', ...options.join(' ').split(' ')],
        env: process.env,
        // AMQP clients are let in while the code of the HTTP API is loaded; this is its socket.
        isReady: () => existsSync(join(directory, 'leveretctl.sock')),
        showsErrors: true,
        cleanUp: () => rm(directory, { recursive: true, force: true }),
      });
    },
  };
}

function ceiling(file: string): Broker {
  return {
    name: 'ceiling',
    keep: false,
    missing: existsSync(file) ? undefined : `${file} is not there`,
    canRun: (scenario) => scenario.ceiling !== false,
    start: async (scenario) => {
      const port = await freePort();
      return BrokerProcess.start({
        port,
        directory: undefined,
        program: process.execPath,
        args: [file],
        env: { ...process.env, PORT: `${port}`, MODE: scenario.ceiling === 'lmdb' ? 'lmdb' : '' },
        showsErrors: true,
        cleanUp: async () => {},
      });
    },
  };
}

/** A node of its own, with RabbitMQ's default configuration and the plugins that scenarios need. */
function rabbitmq(): Broker {
  return {
    name: 'rabbitmq',
    keep: true,
    missing: existsSync(rabbitmqServer) ? undefined : 'rabbitmq-server is not installed',
    canRun: (scenario) => scenario.rabbitmq !== false,
    start: async ({ metrics }) => {
      const [port, distributionPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
      const metricsPort = metrics && (await freePort());
      const directory = await mkdtemp(join(tmpdir(), 'leveret-bench-rabbitmq-'));
      const plugins = join(directory, 'enabled_plugins');
      await mkdir(join(directory, 'mnesia'));
      // Statistics cost something, so they are gathered only where they are asked for.
      const prometheus = metricsPort === undefined ? '' : ', rabbitmq_prometheus';
      await writeFile(plugins, `[rabbitmq_consistent_hash_exchange${prometheus}].\n`);
      if (metricsPort !== undefined) {
        await writeFile(join(directory, 'rabbitmq.conf'), `prometheus.tcp.port = ${metricsPort}\n`);
      }
      return BrokerProcess.start({
        port,
        metricsPort,
        directory: join(directory, 'mnesia'),
        program: rabbitmqServer,
        args: [],
        env: {
          ...process.env,
          HOME: directory,
          ERL_EPMD_PORT: `${epmdPort}`,
          RABBITMQ_NODENAME: `bench-${process.pid}@localhost`,
          RABBITMQ_NODE_PORT: `${port}`,
          RABBITMQ_DIST_PORT: `${distributionPort}`,
          RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
          RABBITMQ_LOG_BASE: directory,
          RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq'),
          RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
        },
        showsErrors: false,
        cleanUp: async () => {
          // The port mapper daemon of Erlang outlives its nodes.
          execFileSync('epmd', ['-port', `${epmdPort}`, '-kill'], { stdio: 'ignore' });
          await rm(directory, { recursive: true, force: true });
        },
      });
    },
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('no free port'));
      });
    });
  });
}
