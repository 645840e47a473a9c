import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { HttpClient } from '../management/http-client.ts';
import { programPath } from '../programs.ts';
import { runCli } from './process.ts';

let broker: RunningBroker;

beforeAll(async () => {
  broker = await startBroker({ port: 0, managementPort: 0 });
  const http = new HttpClient(broker.managementPort);
  await http.put('/api/vhosts/other');
  await http.put('/api/queues/%2F/a%20b', { durable: false });
  await http.put('/api/queues/%2F/orders', {
    durable: true,
    arguments: { 'x-max-length': 5, 'x-dead-letter-exchange': 'dead' },
  });
  await http.put('/api/queues/other/zeta');
  for (const [vhost, queue] of [
    ['%2F', 'orders'],
    ['%2F', 'orders'],
    ['%2F', 'orders'],
    ['other', 'zeta'],
  ]) {
    await http.post(`/api/exchanges/${vhost}/amq.default/publish`, {
      routing_key: queue,
      properties: {},
      payload: 'x',
      payload_encoding: 'string',
    });
  }
});
afterAll(() => broker.close());

function ctl(...args: string[]) {
  return runCli('leveretctl', args, { LEVERETCTL_URL: `http://127.0.0.1:${broker.managementPort}` });
}

describe('list_queues', () => {
  it("looks like rabbitmqctl's", async () => {
    expect(await ctl('list_queues')).toEqual({
      code: 0,
      stdout:
        'Timeout: 60.0 seconds ...\nListing queues for vhost / ...\nname\tmessages\na b\t0\norders\t3\n',
      stderr: '',
    });
  });

  it('drops the banner with -q, before or after the command, and the names with -s', async () => {
    const { stdout } = await ctl('-q', 'list_queues', 'name', 'durable', 'arguments');
    expect(stdout).toBe(
      'name\tdurable\targuments\na b\tfalse\t[]\n' +
        'orders\ttrue\t[{"x-max-length",5},{"x-dead-letter-exchange","dead"}]\n',
    );
    expect((await ctl('list_queues', '-s', '-p', 'other')).stdout).toBe('zeta\t1\n');
  });

  it('prints JSON, CSV and a drawn table', async () => {
    const json = await ctl('list_queues', '--formatter', 'json', 'name', 'messages_ready');
    expect(json.stdout).toBe(
      '[\n{"name":"a b","messages_ready":0}\n,{"name":"orders","messages_ready":3}\n]\n',
    );
    const csv = await ctl('list_queues', '--formatter', 'csv', 'name', 'messages');
    expect(csv.stdout).toBe('"name","messages"\n"a b","0"\n"orders","3"\n');
    const pretty = await ctl('list_queues', '--formatter', 'pretty_table', 'name');
    expect(pretty.stdout).toContain('│ orders │');
  });
});

describe('status', () => {
  it('says what the broker is', async () => {
    const { code, stdout } = await ctl('status');
    expect(code).toBe(0);
    expect(stdout).toContain('Node name: leveret@');
    expect(stdout).toContain('messages ready: 4');
    expect(stdout).toContain(`Interface: 127.0.0.1, port: ${broker.port}, protocol: amqp`);
  });

  it('says it as JSON', async () => {
    const { stdout } = await ctl('status', '--formatter', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ product_name: 'Leveret', object_totals: { queues: 3 } });
  });
});

describe('a password on the command line', () => {
  it.skipIf(process.platform !== 'linux')('is not in the list of processes for long', async () => {
    const args = ['await_startup', '--data-dir', '/nonexistent', '--password', 'swordfish', '-t', '60'];
    const child = spawn(process.execPath, [programPath('leveretctl'), ...args], { stdio: 'ignore' });
    try {
      await vi.waitUntil(() => !readFileSync(`/proc/${child.pid}/cmdline`, 'latin1').includes('swordfish'), {
        timeout: 30_000,
      });
      expect(readFileSync(`/proc/${child.pid}/cmdline`, 'latin1')).toMatch(/^leveretctl/);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
});

describe('errors', () => {
  it.each([
    [[], 64, 'a command is missing'],
    [['list_queue'], 64, 'unknown command list_queue (did you mean list_queues?)'],
    [['list_queues', 'mesages'], 64, 'Info key(s) mesages are not supported (did you mean messages?)'],
    [['list_queues', '--vhots', 'x'], 64, 'unknown flag --vhots (did you mean --vhost?)'],
    [['list_queues', '--formatter', 'xml'], 64, '--formatter: "xml" is not one of'],
    [['list_queues', '-p', 'nope'], 65, "Virtual host 'nope' does not exist"],
    [['set_policy', 'p', '^a', '{"max-length":5}', '--priority', 'high'], 64, '"high" is not a whole number'],
    [['add_vhost', ''], 64, 'argument 1 is empty'],
    [['change_password', 'guest'], 70, 'as the first line of standard input'],
    [['add_user', 'guest'], 65, 'as the first line of standard input'],
    [['status', '--password', 'wrong'], 67, "refused the login of user 'guest'"],
    [['status', '--url', 'http://127.0.0.1:9'], 69, 'unable to reach the broker at http://127.0.0.1:9'],
  ])('%j ends with %i', async (args, expected, text) => {
    const { code, stdout, stderr } = await ctl(...args);
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toContain(text);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('takes the login of a URL, and keeps its password to itself', async () => {
    const at = `127.0.0.1:${broker.managementPort}`;
    expect((await ctl('ping', '--url', `http://guest:guest@${at}`)).code).toBe(0);
    const { code, stderr } = await ctl('ping', '--url', `http://guest:geheim@${at}`);
    expect(code).toBe(67);
    expect(stderr).toContain(`http://${at} refused`);
    expect(stderr).not.toContain('geheim');
  });
});
