/** The brokers that are measured: how to start each one on its own ports and directories. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scenario } from './scenarios.ts';

export const brokerNames = ['leveret', 'ceiling', 'rabbitmq'] as const;
export type BrokerName = (typeof brokerNames)[number];

/** A broker under load. */
export interface BrokerProcess {
  readonly port: number;
  stop(): Promise<void>;
}

export interface Broker {
  readonly name: BrokerName;
  /** Starting takes long: keep one process for all scenarios. Others start afresh for each measurement. */
  readonly keep: boolean;
  /** Why it cannot be measured, or `undefined`. */
  readonly missing: string | undefined;
  canRun(scenario: Scenario): boolean;
  start(scenario: Scenario): Promise<BrokerProcess>;
}

const startTimeoutMs = 60_000;
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
    start: async () => {
      const port = await freePort();
      const dataDir = await mkdtemp(join(tmpdir(), 'leveret-bench-'));
      const args = ['server', '--port', `${port}`, '--host', '127.0.0.1', '--management-port', 'none'];
      const child = spawn(program, [...args, '--data-dir', dataDir, '--log-level', 'error'], {
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      return running(child, port, () => rm(dataDir, { recursive: true, force: true }));
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
      const child = spawn(process.execPath, [file], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, PORT: `${port}`, MODE: scenario.ceiling === 'lmdb' ? 'lmdb' : '' },
      });
      return running(child, port);
    },
  };
}

/** A node of its own, with RabbitMQ's default configuration and no plugins. */
function rabbitmq(): Broker {
  return {
    name: 'rabbitmq',
    keep: true,
    missing: existsSync(rabbitmqServer) ? undefined : 'rabbitmq-server is not installed',
    canRun: () => true,
    start: async () => {
      const [port, distributionPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
      const directory = await mkdtemp(join(tmpdir(), 'leveret-bench-rabbitmq-'));
      const plugins = join(directory, 'enabled_plugins');
      await mkdir(join(directory, 'mnesia'));
      await writeFile(plugins, '[].\n');
      const env = {
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
      };
      const child = spawn(rabbitmqServer, [], { stdio: 'ignore', env, detached: true });
      return running(child, port, async () => {
        // The port mapper daemon of Erlang outlives its nodes.
        execFileSync('epmd', ['-port', `${epmdPort}`, '-kill'], { stdio: 'ignore' });
        await rm(directory, { recursive: true, force: true });
      });
    },
  };
}

const started = new Set<BrokerProcess>();

/** Stops every broker that is still running. */
export async function stopBrokers(): Promise<void> {
  await Promise.all([...started].map((broker) => broker.stop()));
}

/** Waits until the port answers; `cleanUp` runs when the process has ended. */
async function running(
  child: ChildProcess,
  port: number,
  cleanUp?: () => Promise<void>,
): Promise<BrokerProcess> {
  let ended = false;
  const end = new Promise<void>((resolve) => {
    child.once('exit', () => {
      ended = true;
      resolve();
    });
  });
  const broker: BrokerProcess = {
    port,
    stop: async () => {
      if (!started.delete(broker)) return;
      if (!ended) child.kill('SIGTERM');
      await end;
      await cleanUp?.();
    },
  };
  started.add(broker);
  const deadline = Date.now() + startTimeoutMs;
  while (!(await answers(port))) {
    if (ended || Date.now() > deadline) {
      await broker.stop();
      throw new Error(`${child.spawnargs.join(' ')} does not listen on port ${port}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return broker;
}

/** Whether an AMQP greeting on this port is answered with one. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('AMQP\0\0\x09\x01'));
    socket.once('data', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    function settle(answered: boolean): void {
      resolve(answered);
      socket.destroy();
    }
  });
}

function freePort(): Promise<number> {
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
