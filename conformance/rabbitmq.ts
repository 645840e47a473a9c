/**
 * Runs the conformance suites, and a little of test/lockstep, against a RabbitMQ of its own: free ports, its own node name, everything in a
 * temporary directory that is gone afterwards. `npm run conformance:rabbitmq [-- vitest arguments]`;
 * `--table` also fills the RabbitMQ column of README.md; `--serve` only starts the broker, prints its URL and waits
 * for Ctrl-C.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PERMISSION_FIXTURES } from './harness/fixtures.ts';

/** The packaged script behind Debian's wrapper, which would insist on the system's own directories. */
const SERVER_SCRIPTS = ['/usr/lib/rabbitmq/bin/rabbitmq-server', '/opt/rabbitmq/sbin/rabbitmq-server'];
/** What `harness/control.ts` needs to call rabbitmqctl. */
const CONTROL_VARIABLES = ['RABBITMQ_NODENAME', 'ERL_EPMD_PORT', 'RABBITMQ_CONF_ENV_FILE'];
/** Plugins of the package that have what Leveret has built in. */
const PLUGINS = [
  'rabbitmq_auth_backend_cache',
  'rabbitmq_auth_backend_http',
  'rabbitmq_auth_backend_oauth2',
  'rabbitmq_consistent_hash_exchange',
  'rabbitmq_event_exchange',
  'rabbitmq_random_exchange',
  'rabbitmq_recent_history_exchange',
  'rabbitmq_management',
  'rabbitmq_sharding',
];
const START_TIMEOUT_MS = 60_000;
/** consumer_timeout: longer than any scenario but those about it keeps a message. */
const CONSUMER_TIMEOUT_MS = 5_000;
/** RabbitMQ looks for deliveries that timed out once a minute unless it is told otherwise. */
const CHANNEL_TICK_MS = 250;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no TCP port to be had');
  return address.port;
}

function passwordHash(password: string): string {
  const salt = Buffer.from('hare');
  const digest = createHash('sha256').update(salt).update(password).digest();
  return Buffer.concat([salt, digest]).toString('base64');
}

function definitions(): string {
  const { users, vhosts, permissions } = PERMISSION_FIXTURES;
  return JSON.stringify({
    users: users.map(({ name, password, tags }) => ({
      name,
      password_hash: passwordHash(password),
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      tags,
      limits: {},
    })),
    vhosts: vhosts.map((name) => ({ name })),
    permissions,
  });
}

interface Running {
  readonly url: string;
  /** Of the management plugin, without a path. */
  readonly managementUrl: string;
  /** Its temporary directory. */
  readonly home: string;
  /** For rabbitmqctl. */
  readonly environment: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

async function startRabbitMQ(script: string): Promise<Running> {
  const home = await mkdtemp(join(tmpdir(), 'conformance-rabbitmq-'));
  const [port, distributionPort, epmdPort, managementPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ]);
  const log = join(home, 'rabbit.log');
  await mkdir(join(home, 'log'));
  await writeFile(join(home, 'definitions.json'), definitions());
  await writeFile(join(home, 'enabled_plugins'), `[${PLUGINS.join(',')}].\n`);
  await writeFile(
    join(home, 'rabbitmq.conf'),
    [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      'management.tcp.ip = 127.0.0.1',
      `management.tcp.port = ${managementPort}`,
      `load_definitions = ${join(home, 'definitions.json')}`,
      `consumer_timeout = ${CONSUMER_TIMEOUT_MS}`,
      '',
    ].join('\n'),
  );
  const environment = {
    ...process.env,
    HOME: home,
    ERL_EPMD_PORT: String(epmdPort),
    RABBITMQ_NODENAME: `conformance-${process.pid}@localhost`,
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(home, 'mnesia'),
    RABBITMQ_LOG_BASE: join(home, 'log'),
    RABBITMQ_LOGS: log,
    RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-rabbit channel_tick_interval ${CHANNEL_TICK_MS}`,
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'enabled_plugins'),
  };
  const epmd = spawn('epmd', ['-port', String(epmdPort), '-address', '127.0.0.1'], { stdio: 'ignore' });
  // Its own process group: the script starts an Erlang VM, and both must go.
  const server = spawn(script, [], { env: environment, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = async (): Promise<void> => {
    await killGroup(server);
    epmd.kill();
    await rm(home, { recursive: true, force: true });
  };
  try {
    await started(server);
  } catch (error) {
    const tail = existsSync(log) ? (await readFile(log, 'utf8')).slice(-2000) : '';
    await stop();
    throw new Error(`RabbitMQ did not start: ${String(error)}\n${tail}`);
  }
  return {
    home,
    environment,
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    managementUrl: `http://guest:guest@127.0.0.1:${managementPort}`,
    stop,
  };
}

function started(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`not up after ${START_TIMEOUT_MS} ms`)),
      START_TIMEOUT_MS,
    );
    let output = '';
    server.stdout?.on('data', (chunk) => {
      output += chunk;
      if (!output.includes('completed with')) return;
      clearTimeout(timer);
      resolve();
    });
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`exit code ${code}`)));
  });
}

/** The broker's data is thrown away with it, so there is no need to wait for an orderly shutdown. */
async function killGroup(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null) return;
  const gone = new Promise((resolve) => server.once('exit', resolve));
  process.kill(-server.pid, 'SIGKILL');
  await gone;
}

/** Runs a command in the foreground; its exit code. */
function run(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<number> {
  const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: 'inherit' });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

async function runScenarios(broker: Running, args: readonly string[]): Promise<number> {
  const report = join(broker.home, 'report.json');
  const fillsTable = args.includes('--table');
  const reporters = fillsTable
    ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    : [];
  const chosen = args.filter((arg) => arg !== '--table');
  const suites = fillsTable ? ['conformance/'] : ['conformance/', 'test/lockstep/'];
  // One file at a time: alarms and the firehose concern the whole broker.
  const vitest = [
    'vitest',
    'run',
    '--no-file-parallelism',
    ...reporters,
    ...(chosen.length > 0 ? chosen : suites),
  ];
  const code = await run('npx', vitest, {
    ...Object.fromEntries(CONTROL_VARIABLES.map((name) => [name, broker.environment[name]])),
    AMQP_URL: broker.url,
    CONFORMANCE_MANAGEMENT_URL: broker.managementUrl,
    CONFORMANCE_BROKER: 'rabbitmq',
    CONFORMANCE_HOME: broker.home,
    CONFORMANCE_CONSUMER_TIMEOUT: String(CONSUMER_TIMEOUT_MS),
  });
  if (fillsTable) await run('npx', ['tsx', 'conformance/table.ts', 'rabbitmq', report]);
  return code;
}

const script = SERVER_SCRIPTS.find(existsSync);
if (script === undefined) {
  process.stderr.write('rabbitmq-server is not installed: apt-get install rabbitmq-server\n');
  process.exit(2);
}
const broker = await startRabbitMQ(script);
const interrupted = new Promise<number>((resolve) => {
  process.once('SIGINT', () => resolve(130));
  process.once('SIGTERM', () => resolve(143));
});
const options = process.argv.slice(2);
if (options.includes('--serve')) process.stdout.write(`${broker.url}\n${broker.managementUrl}\n`);
const work = options.includes('--serve') ? interrupted : runScenarios(broker, options);
const code = await Promise.race([work, interrupted]);
await broker.stop();
process.exit(code);
