import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { constants, mkdtempSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Logs } from '../../src/logs/logs.ts';
import { LogOutput } from '../../src/logs/output.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-logs-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function memory() {
  const lines: string[] = [];
  return { lines, write: (text: string) => lines.push(text) };
}

it('writes JSON with levels and without passwords', async () => {
  const destination = memory();
  const logs = new Logs({
    console: await LogOutput.to(destination, { level: 'warning', formatter: 'json' }),
  });
  logs.info({}, 'not this');
  logs.warn({ user: 'bob', password: 'secret', login: { response: 'secret' } }, 'refused');
  expect(destination.lines).toHaveLength(1);
  expect(JSON.parse(destination.lines.join(''))).toMatchObject({
    level: 40,
    msg: 'refused',
    user: 'bob',
    password: '[hidden]',
    login: { response: '[hidden]' },
  });
});

it('writes errors with what led to them, and no secret of lists, errors or what is in them', async () => {
  const destination = memory();
  const logs = new Logs({ console: await LogOutput.to(destination, { level: 'info', formatter: 'json' }) });
  const refused = Object.assign(new Error('refused', { cause: new Error('no route') }), {
    password: 'secret',
    request: { authorization: 'secret', url: '/user' },
  });
  const fields = {
    err: refused,
    logins: [{ token: 'secret', user: 'ann' }],
    a: { b: { pass: 'secret', c: 1 } },
  };
  logs.info(fields, 'failed');
  expect(JSON.parse(destination.lines.join(''))).toMatchObject({
    err: {
      type: 'Error',
      message: 'refused: no route',
      stack: expect.stringContaining('caused by: Error: no route'),
      password: '[hidden]',
      request: { authorization: '[hidden]', url: '/user' },
    },
    logins: [{ token: '[hidden]', user: 'ann' }],
    a: { b: { pass: '[hidden]', c: 1 } },
  });
  // What was logged is left as it is.
  expect(refused.password).toBe('secret');
});

it('writes lines for people, one per entry, with the category in front', async () => {
  const destination = memory();
  const output = await LogOutput.to(destination, { level: 'info', formatter: 'plaintext' });
  const logs = new Logs({ console: output });
  logs.info({}, 'ready');
  logs.category('connection').warn({ connection: 'a -> b' }, 'closing');
  expect(destination.lines[0]).toMatch(/^\[\d{4}-\d\d-\d\d .*\] INFO: ready\n$/);
  expect(destination.lines[1]).toMatch(/WARN: \[connection\] closing \{"connection":"a -> b"\}\n$/);
});

it('has levels for outputs and for categories, which go first, and changes them while it runs', async () => {
  const [terminal, file] = [memory(), memory()];
  const logs = new Logs(
    {
      console: await LogOutput.to(terminal, { level: 'info', formatter: 'json' }),
      file: await LogOutput.to(file, { level: 'error', formatter: 'json' }),
    },
    { connection: 'debug', audit: 'info' },
  );
  const connections = logs.category('connection');
  const log = () => {
    terminal.lines.length = 0;
    file.lines.length = 0;
    logs.info({}, 'a');
    connections.debug({}, 'b');
    logs.category('audit').info({}, 'c');
    return [terminal, file].map(({ lines }) => lines.map((line) => JSON.parse(line).msg).join(''));
  };
  expect(log()).toEqual(['abc', 'bc']);
  logs.setLevel('error', 'connection');
  expect(log()).toEqual(['ac', 'c']);
  expect(logs.levels).toEqual({
    outputs: { console: 'info', file: 'error' },
    categories: { connection: 'error', audit: 'info' },
  });
  logs.setLevel('critical');
  expect(log()).toEqual(['c', 'c']);
  logs.setLevel('debug');
  expect(log()).toEqual(['abc', 'abc']);
});

it('writes lines that come together without waiting for another one', async () => {
  const path = join(directory, 'together.log');
  const logs = new Logs({ file: await LogOutput.file(path, { level: 'info', formatter: 'json' }) });
  const texts = Array.from({ length: 200 }, (_, i) => `line ${i}`);
  for (const text of texts) logs.info({}, text);
  const written = () => readFileSync(path, 'utf8').trimEnd().split('\n');
  await vi.waitFor(() => expect(written().map((line) => JSON.parse(line).msg)).toEqual(texts), {
    interval: 5,
  });
  await logs.close();
});

it('goes on in a new file when the old one has been moved away', async () => {
  const path = join(directory, 'deep', 'leveret.log');
  const logs = new Logs({ file: await LogOutput.file(path, { level: 'info', formatter: 'json' }) });
  logs.info({}, 'first');
  await vi.waitFor(() => expect(readFileSync(path, 'utf8')).toContain('first'));
  renameSync(path, `${path}.1`);
  logs.reopen();
  await vi.waitFor(() => readFileSync(path));
  logs.info({}, 'second');
  await logs.close();
  expect(readFileSync(path, 'utf8')).toMatch(/^[^\n]*second[^\n]*\n$/);
  expect(readFileSync(`${path}.1`, 'utf8')).toMatch(/^[^\n]*first[^\n]*\n$/);
});

it('drops lines, never waits, while they cannot be written', async () => {
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const end = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const logs = new Logs({ file: await LogOutput.file(path, { level: 'info', formatter: 'json' }) });
  const text = 'x'.repeat(1000);
  for (let i = 0; i < 3000; i++) logs.info({ i, text }, 'line');

  const reader = new Socket({ fd: end, readable: true, writable: false });
  let received = '';
  reader.setEncoding('utf8').on('data', (chunk) => {
    received += chunk;
  });
  await vi.waitFor(() => expect(received).toContain('lines of the log were dropped'), 5000);
  const closed = once(reader, 'close');
  await logs.close();
  await closed;
  const lines = received.trimEnd().split('\n');
  const { dropped } = JSON.parse(lines.at(-1) ?? '');
  expect(lines).toHaveLength(3000 - dropped + 1);
  expect(dropped).toBeGreaterThan(1500);
});
