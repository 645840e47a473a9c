/** RabbitMQ's own command line over the HTTP API, as its Debian package has it: every verb it knows. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configureLeveret, openConnection } from '../harness/broker.ts';
import { eventually } from '../harness/expectations.ts';
import { run, runs } from '../harness/programs.ts';
import { managementAvailable, managementUrl, request } from './api.ts';

configureLeveret({ managementPort: 0 });

/** Debian's Python: the program needs nothing but its standard library. */
const python = '/usr/bin/python3';
const plugins = '/usr/lib/rabbitmq/lib';
const script = findScript();
const vhost = 'admin-tool';

function findScript(): string | undefined {
  if (!existsSync(plugins)) return undefined;
  for (const server of readdirSync(plugins)) {
    const folder = join(plugins, server, 'plugins');
    for (const plugin of existsSync(folder) ? readdirSync(folder) : []) {
      const found = join(folder, plugin, 'priv/www/cli/rabbitmqadmin');
      if (plugin.startsWith('rabbitmq_management-') && existsSync(found)) return found;
    }
  }
  return undefined;
}

async function admin(...args: string[]) {
  const { hostname, port } = new URL(managementUrl());
  // An empty configuration: nothing of whoever runs the tests.
  const options = ['-H', hostname, '-P', port, '-u', 'guest', '-p', 'guest'];
  return run(python, [script ?? '', ...options, ...args], { env: { HOME: directory } });
}

/** What a verb prints when it succeeds. */
async function says(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await admin(...args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}

async function listed(...args: string[]): Promise<readonly Record<string, unknown>[]> {
  const parsed: unknown = JSON.parse(await says('-f', 'raw_json', ...args));
  if (!Array.isArray(parsed)) throw new Error('not a list');
  return parsed;
}

let directory: string;

describe.skipIf(!managementAvailable || script === undefined || !runs(python, '--version'))(
  'rabbitmqadmin',
  () => {
    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'rabbitmqadmin-'));
      await request('DELETE', `/api/vhosts/${vhost}`);
    });
    afterAll(async () => {
      for (const path of [`vhosts/${vhost}`, 'users/admin-tool-user'])
        await request('DELETE', `/api/${path}`);
      rmSync(directory, { recursive: true });
    });

    it('declares', async () => {
      expect(await says('declare', 'vhost', `name=${vhost}`, 'tracing=false')).toContain('vhost declared');
      const here = ['-V', vhost, 'declare'];
      expect(
        await says(...here, 'queue', 'name=q', 'durable=true', 'arguments={"x-max-length": 10}'),
      ).toContain('queue declared');
      expect(await says(...here, 'queue', 'name=quorum', 'durable=true', 'queue_type=quorum')).toContain(
        'queue declared',
      );
      expect(await says(...here, 'exchange', 'name=e', 'type=topic', 'internal=false')).toContain(
        'exchange declared',
      );
      expect(await says(...here, 'binding', 'source=e', 'destination=q', 'routing_key=a.*')).toContain(
        'binding declared',
      );
      expect(
        await says(...here, 'binding', 'source=e', 'destination=amq.fanout', 'destination_type=exchange'),
      ).toContain('binding declared');
      expect(
        await says('declare', 'user', 'name=admin-tool-user', 'password=secret', 'tags=monitoring'),
      ).toContain('user declared');
      expect(
        await says(
          'declare',
          'permission',
          `vhost=${vhost}`,
          'user=admin-tool-user',
          'configure=.*',
          'write=.*',
          'read=.*',
        ),
      ).toContain('permission declared');
      expect(
        await says(
          ...here,
          'policy',
          'name=p',
          'pattern=^q',
          'definition={"max-length": 5}',
          'apply-to=queues',
        ),
      ).toContain('policy declared');
      expect(
        await says(
          ...here,
          'operator_policy',
          'name=o',
          'pattern=^q',
          'definition={"max-length": 7}',
          'apply-to=queues',
        ),
      ).toContain('operator_policy declared');
      expect(
        await says('declare', 'vhost_limit', `vhost=${vhost}`, 'name=max-queues', 'value=100'),
      ).toContain('vhost_limit declared');
      expect(
        await says(...here, 'parameter', 'component=vhost-limits', 'name=limits', 'value={"max-queues": 50}'),
      ).toContain('parameter declared');
    });

    it.each([
      'connections',
      'channels',
      'consumers',
      'exchanges',
      'queues',
      'bindings',
      'users',
      'vhosts',
      'permissions',
      'nodes',
      'parameters',
      'policies',
      'operator_policies',
      'vhost_limits',
    ])('lists %s', async (what) => {
      await says('-f', 'long', 'list', what);
    });

    it('lists in every format', async () => {
      for (const format of ['tsv', 'table', 'kvp', 'raw_json', 'pretty_json', 'bash']) {
        await says('-f', format, 'list', 'queues');
      }
    });

    it('lists columns, sorted, and shows the overview', async () => {
      // RabbitMQ takes up a queue's policy with its next statistics.
      await eventually(async () => {
        const columns = ['name', 'policy', 'type'];
        expect(await listed('-V', vhost, '-S', 'name', '-R', 'list', 'queues', ...columns)).toEqual([
          { name: 'quorum', policy: 'p', type: 'quorum' },
          { name: 'q', policy: 'p', type: 'classic' },
        ]);
      }, 15_000);
      expect(await says('show', 'overview', 'rabbitmq_version', 'cluster_name')).toContain('3.');
    }, 20_000);

    it('publishes, gets and purges', async () => {
      const publish = ['-V', vhost, 'publish', 'routing_key=q'];
      expect(await says(...publish, 'payload=hello', 'properties={"delivery_mode": 2}')).toBe(
        'Message published\n',
      );
      expect(await says('-V', vhost, 'publish', 'routing_key=nope', 'payload=x')).toContain('NOT routed');
      expect(await says(...publish, 'payload=aGk=', 'payload_encoding=base64')).toBe('Message published\n');
      expect(await says('-V', vhost, 'get', 'queue=q', 'count=2', 'ackmode=ack_requeue_true')).toContain(
        'hello',
      );
      const file = join(directory, 'payload');
      await says('-V', vhost, 'get', 'queue=q', 'ackmode=ack_requeue_false', `payload_file=${file}`);
      expect(readFileSync(file, 'utf8')).toBe('hello');
      expect(await says('-V', vhost, 'purge', 'queue', 'name=q')).toContain('queue purged');
      expect(await says('-V', vhost, 'get', 'queue=q')).toContain('No items');
    });

    it('exports and imports', async () => {
      const [all, one] = [join(directory, 'all.json'), join(directory, 'one.json')];
      await says('export', all);
      await says('-V', vhost, 'export', one);
      expect(await says('import', all)).toContain('Uploaded definitions');
      expect(await says('-V', vhost, 'import', one)).toContain('Uploaded definitions');
    });

    it('closes a connection', async () => {
      const connection = await openConnection();
      const closed = connection.closedByServer();
      let names: readonly unknown[] = [];
      // RabbitMQ lists a connection some time after it was opened.
      while (names.length === 0)
        names = (await listed('list', 'connections', 'name')).map(({ name }) => name);
      for (const name of names) await says('close', 'connection', `name=${String(name)}`);
      expect(await closed).toMatchObject({
        code: 320,
        text: 'CONNECTION_FORCED - Closed via management plugin',
      });
    }, 30_000);

    it('deletes', async () => {
      const here = ['-V', vhost, 'delete'];
      const binding = ['source=e', 'destination_type=queue', 'destination=q', 'properties_key=a.%2A'];
      expect(await says(...here, 'binding', ...binding)).toContain('binding deleted');
      expect(await says(...here, 'exchange', 'name=e')).toContain('exchange deleted');
      expect(await says(...here, 'queue', 'name=q')).toContain('queue deleted');
      expect(await says(...here, 'policy', 'name=p')).toContain('policy deleted');
      expect(await says(...here, 'operator_policy', 'name=o')).toContain('operator_policy deleted');
      expect(await says(...here, 'vhost_limit', `vhost=${vhost}`, 'name=max-queues')).toContain(
        'vhost_limit deleted',
      );
      expect(await says('delete', 'permission', `vhost=${vhost}`, 'user=admin-tool-user')).toContain(
        'permission deleted',
      );
      expect(await says('delete', 'user', 'name=admin-tool-user')).toContain('user deleted');
      expect(await says('delete', 'vhost', `name=${vhost}`)).toContain('vhost deleted');
    });

    it('says what is wrong', async () => {
      expect(await admin('-V', '/', 'delete', 'queue', 'name=nope')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('Not found'),
      });
      expect(await admin('-u', 'guest', '-p', 'wrong', 'list', 'queues')).toMatchObject({ code: 1 });
    });
  },
);
