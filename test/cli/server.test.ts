import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { version } from '../../src/version.ts';
import { programPath } from '../programs.ts';
import { Ctl } from './ctl-harness.ts';
import { runCli } from './process.ts';

let directory: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-server-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  rmSync(directory, { recursive: true });
});

const anyPorts = [
  '--host',
  '127.0.0.1',
  '--port',
  '0',
  '--management-port',
  '0',
  '--management-host',
  '127.0.0.1',
];

/** A running `leveret server` and the first line of its log that matches `ready`. */
async function startServer(...args: string[]) {
  const child = spawn(process.execPath, [programPath('leveret'), 'server', ...anyPorts, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, LEVERET_DEFAULT_PASS: 'guest' },
  });
  children.push(child);
  const exit = once(child, 'exit');
  const lines: string[] = [];
  const log = createInterface({ input: child.stdout });
  log.on('line', (line) => lines.push(line));
  /** The first line with this text, once it has been logged. */
  async function logged(text: string): Promise<string> {
    for (;;) {
      const line = lines.find((each) => each.includes(text));
      if (line !== undefined) return line;
      await once(log, 'line');
    }
  }
  return { child, exit, logged, ready: JSON.parse(await logged(' ready at ')) };
}

it('says where it listens, answers, and ends with 0 on SIGTERM', async () => {
  const dataDir = join(directory, 'data');
  const { child, exit, ready } = await startServer('--data-dir', dataDir);
  expect(ready).toMatchObject({
    version,
    dataDir,
    url: expect.stringMatching(/^amqp:\/\/127\.0\.0\.1:\d+$/),
  });
  const health = await fetch(`http://127.0.0.1:${ready.managementPort}/health`);
  expect(await health.json()).toEqual({ status: 'ok' });
  child.kill('SIGTERM');
  expect(await exit).toEqual([0, null]);
});

it('is administrated by its local socket, and stopped', async () => {
  const dataDir = join(directory, 'data');
  const { exit } = await startServer('--data-dir', dataDir, '--heartbeat', '30');
  const ctl = new Ctl('--data-dir', dataDir);
  expect(await ctl.print('-q', 'environment')).toContain('heartbeat\t30\t--heartbeat\tfalse\n');
  expect(await ctl.print('-q', 'os_env')).toContain('LEVERET_DEFAULT_PASS=(hidden)\n');
  expect(await ctl.print('shutdown', '-t', '30')).toBe('Shutting down the broker ...\n');
  expect(await exit).toEqual([0, null]);
  await expect(ctl.print('status')).rejects.toThrow(`no broker is running in ${dataDir}`);
});

it('starts in one line or not at all: data directory and port are taken', async () => {
  const dataDir = join(directory, 'data');
  const { ready } = await startServer('--data-dir', dataDir);
  const port = new URL(ready.url).port;

  const second = await runCli('leveret', [...anyPorts, '--data-dir', dataDir]);
  expect(second).toMatchObject({
    code: 73,
    stderr: expect.stringMatching(/^leveret: .* is in use by .*\n$/),
  });

  const other = join(directory, 'other');
  const third = await runCli('leveret', [...anyPorts, '--port', port, '--data-dir', other]);
  expect(third).toMatchObject({
    code: 69,
    stderr: `leveret: 127.0.0.1:${port} is already in use, perhaps by another broker: choose another with --port, --management-port or --metrics-port\n`,
  });
});

it('says that the data directory is none', async () => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  expect(await runCli('leveret', [...anyPorts, '--data-dir', file])).toMatchObject({
    code: 73,
    stderr: `leveret: cannot write to the data directory ${file} (EEXIST): choose another with --data-dir\n`,
  });
});

it('reads its configuration again on SIGHUP: what can change does, a mistake changes nothing', async () => {
  const file = join(directory, 'leveret.conf');
  const logFile = join(directory, 'leveret.log');
  writeFileSync(file, `log.file = ${logFile}`);
  const { child, exit, logged } = await startServer('--data-dir', join(directory, 'data'), '--config', file);

  renameSync(logFile, `${logFile}.1`);
  writeFileSync(file, `log.file = ${logFile}\nvm_memory_high_watermark.absolute = 0\nheartbeat = 7`);
  child.kill('SIGHUP');
  await logged('heartbeat has changed to 7: that needs a restart');
  await logged('vm_memory_high_watermark.absolute is 0 now');
  await logged('memory resource limit alarm set');

  writeFileSync(file, 'hartbeat = 7');
  child.kill('SIGHUP');
  await logged('configuration not read again: leveret.conf:1: unknown key hartbeat');
  child.kill('SIGTERM');
  await exit;
  expect(readFileSync(`${logFile}.1`, 'utf8')).toContain(' ready at ');
  expect(readFileSync(logFile, 'utf8')).toMatch(
    /vm_memory_high_watermark.absolute is 0 now.*"msg":"stopped"\}\n$/s,
  );
});
