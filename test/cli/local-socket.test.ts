import { linkSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ExitCode } from '../../src/cli/exit-code.ts';
import { type BrokerOptions, type RunningBroker, startBroker } from '../../src/index.ts';
import { Ctl } from './ctl-harness.ts';

let directory: string;
const brokers: RunningBroker[] = [];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-socket-'));
});
afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.close()));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function start(options: BrokerOptions): Promise<RunningBroker> {
  const broker = await startBroker({ port: 0, ...options });
  brokers.push(broker);
  return broker;
}

function dataDir(name: string): string {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  return path;
}

const socketIn = (path: string) => join(path, 'leveretctl.sock');

describe('the local socket', () => {
  it('lets its owner administrate without a password, and without an HTTP port', async () => {
    const data = dataDir('plain');
    const broker = await start({ controlSocket: socketIn(data) });
    const ctl = new Ctl('--data-dir', data);
    expect(statSync(socketIn(data)).mode & 0o777).toBe(0o600);
    expect(await ctl.print('-s', 'list_users')).toBe('guest\t[administrator]\n');
    await ctl.print('add_vhost', 'v1');
    expect(broker.administration.permissions.list({ vhost: 'v1' })).toEqual([]);
    await broker.close();
    expect(() => statSync(socketIn(data))).toThrow('ENOENT');
  });

  it('takes a login for what it is', async () => {
    const data = dataDir('login');
    await start({ controlSocket: socketIn(data) });
    const ctl = new Ctl('--data-dir', data);
    expect(await ctl.exitCode('authenticate_user', 'guest', 'wrong')).toBe(ExitCode.Data);
    expect(await ctl.exitCode('authenticate_user', 'guest', 'guest')).toBe(ExitCode.Ok);
    expect(await ctl.exitCode('list_users', '--user', 'guest', '--password', 'wrong')).toBe(ExitCode.NoUser);
  });

  it('works where its path is too long for the system', async () => {
    const data = dataDir('long'.repeat(40));
    await start({ controlSocket: socketIn(data) });
    expect(await new Ctl('--data-dir', data).print('-s', 'list_vhosts')).toBe('/\n');
  });

  it('replaces what a killed broker has left, but not what is in use', async () => {
    const data = dataDir('stale');
    await leaveStaleSocket(socketIn(data));
    await start({ controlSocket: socketIn(data) });
    expect(await new Ctl('--data-dir', data).print('-s', 'list_vhosts')).toBe('/\n');
    await expect(start({ controlSocket: socketIn(data) })).rejects.toThrow('another process listens on it');
  });

  it('is looked for where the configuration says', async () => {
    const data = dataDir('moved');
    const file = join(directory, 'moved.conf');
    writeFileSync(file, `control_socket = ${data}/elsewhere.sock`);
    await start({ controlSocket: join(data, 'elsewhere.sock') });
    expect(await new Ctl('--config', file).print('-s', 'list_vhosts')).toBe('/\n');
    writeFileSync(file, 'control_socket = none');
    await expect(new Ctl('--config', file).print('list_vhosts')).rejects.toThrow('has no local socket');
  });
});

describe('which broker is meant', () => {
  it.each([
    [['--url', 'http://127.0.0.1:1', '--data-dir', '/x'], ExitCode.Usage, 'say one of them'],
    [['--node', 'leveret@'], ExitCode.Usage, '--node: "leveret@" is not a name such as leveret@host'],
    [['--node', 'leveret@broker.invalid'], ExitCode.Unavailable, 'the broker at http://broker.invalid:15672'],
    [['--url', 'localhost'], ExitCode.Usage, 'is not a URL such as http://127.0.0.1:15672'],
    [
      ['-n', 'rabbit@localhost', '--config', '/nonexistent.conf'],
      undefined,
      'cannot read the configuration file',
    ],
    [['-n', 'rabbit@no host'], ExitCode.Usage, '"rabbit@no host" is not a name such as leveret@host'],
  ])('%j', async (flags, exitCode, text) => {
    const asked = new Ctl(...flags).print('list_users');
    await expect(asked).rejects.toMatchObject({
      message: expect.stringContaining(text),
      ...(exitCode !== undefined && { exitCode }),
    });
  });
});

describe('without a broker', () => {
  it('waits for one that is still to come', async () => {
    const data = dataDir('later');
    const waiting = new Ctl('--data-dir', data).print('-q', 'await_startup', '-t', '30');
    await start({ controlSocket: socketIn(data) });
    expect(await waiting).toBe('');
  });

  it.each(['missing', 'stale'])('says what to try (%s)', async (kind) => {
    const data = dataDir(`none-${kind}`);
    if (kind === 'stale') await leaveStaleSocket(socketIn(data));
    const ctl = new Ctl('--data-dir', data);
    await expect(ctl.print('list_queues')).rejects.toThrow(
      `no broker is running in ${data}: start one (leveret server), or say --data-dir, or --url for one elsewhere`,
    );
    expect(await ctl.exitCode('list_queues')).toBe(ExitCode.Unavailable);
  });
});

/** As after SIGKILL: the name is there, but nobody answers. */
async function leaveStaleSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.open`, resolve));
  linkSync(`${path}.open`, path);
  await new Promise((resolve) => server.close(resolve));
}
