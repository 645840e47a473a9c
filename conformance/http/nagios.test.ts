/** Nagios' checks for RabbitMQ as Debian has them (nagios-plugins-rabbitmq), each as it is: none may find fault. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { brokerName, configureLeveret, openConnection, queueName, scenarios } from '../harness/broker.ts';
import { managementAvailable, managementUrl, request } from './api.ts';

configureLeveret({ managementPort: 0 });

const isInstalled = existsSync('/usr/bin/check_rabbitmq_overview');
const run = promisify(execFile);

/** Fails with what the check says, unless that is OK. */
async function check(name: string, ...options: readonly string[]): Promise<string> {
  const { hostname: host, port } = new URL(managementUrl());
  const { stdout } = await run(`check_rabbitmq_${name}`, ['-H', host, '--port', port, ...options]);
  return stdout;
}

scenarios('Nagios', () => {
  it.runIf(managementAvailable && isInstalled)('counts what there is', async () => {
    const queue = queueName();
    expect((await request('PUT', `/api/queues/%2F/${queue}`, {})).status).toBe(201);
    expect(await check('queue', '--queue', queue)).toContain('messages OK (0)');
    expect(await check('overview')).toContain('RABBITMQ_OVERVIEW OK');
    expect(await check('objects')).toContain('Gathered Object Counts');
    expect(await check('connections')).toContain('RABBITMQ_CONNECTIONS OK');
    expect(await check('aliveness')).toContain('RABBITMQ_ALIVENESS OK');
    await request('DELETE', `/api/queues/%2F/${queue}`);
  });

  // These say rabbit@ before the name of the host, which the RabbitMQ of this suite is not called.
  it.runIf(managementAvailable && isInstalled && brokerName === 'leveret')(
    'finds the node well',
    async () => {
      // No socket in use at all would be a fault.
      const connection = await openConnection();
      const checks = ['server', 'watermark', 'partition'].map((name) => check(name, '--node', hostname()));
      for (const said of await Promise.all(checks)) expect(said).toMatch(/^RABBITMQ_\w+ OK/);
      await connection.close();
    },
  );
});
