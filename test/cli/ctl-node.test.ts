import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainResponse, RawConnection } from '../../conformance/raw-client.ts';
import { allTopics } from '../../src/cli/ctl/commands.ts';
import { ExitCode } from '../../src/cli/exit-code.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { Ctl } from './ctl-harness.ts';

let directory: string;
let broker: RunningBroker;
let program: Ctl;
const asked: string[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-ctl-'));
  broker = await startBroker({
    port: 0,
    metricsPort: 0,
    dataDir: directory,
    controlSocket: join(directory, 'leveretctl.sock'),
    program: {
      settings: [{ name: 'heartbeat', value: '30', source: 'leveret.conf:1', live: false }],
      environment: {},
      reload: async () => void asked.push('reload'),
      stop: () => void asked.push('stop'),
    },
  });
  program = new Ctl('--data-dir', directory);
});
afterAll(async () => {
  await broker.close();
  rmSync(directory, { recursive: true });
});

const ctl = (...args: string[]) => program.print(...args);
const exitCode = (...args: string[]) => program.exitCode(...args);

function connect(): Promise<RawConnection> {
  return RawConnection.open(`amqp://127.0.0.1:${broker.port}`, { response: plainResponse('guest', 'guest') });
}

describe('the broker', () => {
  it('says what it is and what it is set to', async () => {
    const status: unknown = JSON.parse(await ctl('status', '--json'));
    expect(status).toMatchObject({
      pid: process.pid,
      data_directory: directory,
      alarms: [],
      object_totals: { queues: 0 },
      listeners: [
        { protocol: 'amqp', port: broker.port },
        { protocol: 'http/prometheus', port: broker.metricsPort },
      ],
    });
    expect(await ctl('status')).toContain(`OS PID: ${process.pid}\n`);
    expect(await ctl('cluster_status')).toContain('Running Nodes\n\nleveret@');
    expect(await ctl('-q', 'environment')).toBe(
      'name\tvalue\tsource\tlive\nheartbeat\t30\tleveret.conf:1\tfalse\n',
    );
    const breakdown: unknown = JSON.parse(await ctl('memory_breakdown', '--json'));
    expect(breakdown).toMatchObject({ heap: expect.any(Number), total: expect.any(Number) });
    const report = await ctl('report');
    for (const section of ['## status', '## environment', '## list_queues'])
      expect(report).toContain(section);
  });

  it('is stopped and reloaded by the local socket', async () => {
    await ctl('rotate_logs');
    await ctl('stop');
    expect(asked).toEqual(['reload', 'stop']);
  });

  it('takes limits, and checks tell of alarms', async () => {
    expect(await exitCode('check_local_alarms')).toBe(ExitCode.Ok);
    await ctl('set_vm_memory_high_watermark', 'absolute', '0');
    await expect(ctl('check_local_alarms')).rejects.toThrow('The broker reported alarms: memory');
    expect(await exitCode('check_alarms')).toBe(ExitCode.Unavailable);
    expect(await ctl('-q', 'alarms')).toBe('Memory alarm\n');
    await ctl('set_vm_memory_high_watermark', '0.9');
    expect(await exitCode('check_alarms')).toBe(ExitCode.Ok);
    await ctl('set_disk_free_limit', '1000000GB');
    expect(broker.alarms).toEqual(['disk']);
    await ctl('set_disk_free_limit', 'mem_relative', '0.0001');
    expect(broker.alarms).toEqual([]);
  });

  it('keeps new clients away while its listeners are suspended', async () => {
    const connection = await connect();
    await ctl('suspend_listeners');
    await expect(connect()).rejects.toThrow('ECONNREFUSED');
    expect(await exitCode('check_running')).toBe(ExitCode.Unavailable);
    // Who is connected stays.
    await connection.channel();
    await ctl('resume_listeners');
    expect(await exitCode('check_running')).toBe(ExitCode.Ok);
    (await connect()).destroy();
    connection.destroy();
  });

  it('serves nobody any more once it is drained, until it is revived', async () => {
    const connection = await connect();
    const closed = connection.closedByServer();
    await ctl('drain');
    expect((await closed).text).toContain('maintenance mode');
    await expect(connect()).rejects.toThrow('ECONNREFUSED');
    await ctl('revive');
    (await connect()).destroy();
    connection.destroy();
  });

  it('has what some plugins of RabbitMQ do, and says which', async () => {
    expect(await ctl('-q', 'list', '^rabbitmq_prom', '--minimal')).toBe('rabbitmq_prometheus\n');
    expect(await exitCode('is_enabled', 'rabbitmq_management', 'rabbitmq_prometheus')).toBe(ExitCode.Ok);
    await expect(ctl('enable', 'rabbitmq_shovel')).rejects.toThrow('plugin rabbitmq_shovel is not built in');
  });

  it('has listeners that can be connected to', async () => {
    expect(await ctl('check_port_connectivity')).toContain(`Successfully connected to ports ${broker.port}`);
    expect(await exitCode('check_port_listener', String(broker.port))).toBe(ExitCode.Ok);
  });
});

describe('definitions', () => {
  it('go to a file that only its owner can read, and come back', async () => {
    const file = join(directory, 'definitions.json');
    await ctl('add_vhost', 'shop');
    await ctl('export_definitions', file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await ctl('export_definitions')).toBe(readFileSync(file, 'utf8'));
    await ctl('delete_vhost', 'shop');
    await ctl('import_definitions', file);
    expect(await ctl('-s', 'list_vhosts')).toBe('/\nshop\n');
  });

  it('that are none are refused', async () => {
    const file = join(directory, 'none.json');
    writeFileSync(file, '[]');
    await expect(ctl('import_definitions', file)).rejects.toThrow('that is no JSON object');
  });
});

describe('connections', () => {
  it('are closed up to a limit', async () => {
    const connections = await Promise.all([connect(), connect(), connect()]);
    expect(
      await ctl('-q', 'close_all_connections', '--limit', '2', '--per-connection-delay', '1', 'bye'),
    ).toBe('Closed 2 connections\n');
    expect(await ctl('-q', 'close_all_connections', '--global', 'bye')).toMatch(
      /^Closed [1-3] connections\n$/,
    );
    for (const connection of connections) {
      expect((await connection.closedByServer()).text).toBe('CONNECTION_FORCED - bye');
    }
  });
});

describe('help', () => {
  it('lists every command, and explains each', async () => {
    const help = await ctl('help');
    for (const { title } of await allTopics()) expect(help).toContain(`${title}:\n`);
    expect(await ctl('delete_queue', '--help')).toContain('--if-unused');
    expect(await ctl('help', 'list_queues')).toContain('messages_unacknowledged');
  });

  it.each([
    [['lst_queues'], ExitCode.Usage, 'did you mean list_queues?'],
    [['list_users', '--if-empty'], ExitCode.Usage, 'list_users has no flag --if-empty'],
    [['join_cluster', 'rabbit@there'], ExitCode.Unavailable, 'there is no cluster yet'],
    [['eval', '1+1.'], ExitCode.Unavailable, 'there is no Erlang here'],
    [['close_all_connections', '--limit', 'few', 'x'], ExitCode.Usage, '"few" is not a whole number'],
  ])('%j ends with %i and says what to try', async (args, code, text) => {
    await expect(ctl(...args)).rejects.toMatchObject({
      exitCode: code,
      message: expect.stringContaining(text),
    });
  });

  it('needs no broker for what is not asked of one', async () => {
    const alone = new Ctl('--data-dir', join(directory, 'nowhere'));
    expect(await alone.print('version')).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await alone.print('hash_password', 'secret')).toMatch(/^[A-Za-z0-9+/]{48}\n$/);
  });
});
