import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCli } from './process.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-config-cli-'));
  file = join(directory, 'leveret.conf');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

it('checks a configuration without starting anything', async () => {
  writeFileSync(file, 'heartbeat = 30\nraft.segment_max_entries = 1');
  expect(await runCli('leveret', ['config', 'check', '--config', file])).toEqual({
    code: 0,
    stdout: `${file}: usable, see the warnings above\n`,
    stderr: 'leveret.conf:2: raft.segment_max_entries has no effect: this broker runs on one node\n',
  });
  writeFileSync(file, 'hartbeat = 30');
  expect(await runCli('leveret', ['config', 'check', '--config', file])).toEqual({
    code: 78,
    stdout: '',
    stderr: 'leveret: leveret.conf:1: unknown key hartbeat (did you mean heartbeat?)\n',
  });
});

it('looks at the certificates it names', async () => {
  writeFileSync(file, `ssl_options.certfile = ${directory}/none.pem`);
  expect(await runCli('leveret', ['config', 'check', '--config', file])).toEqual({
    code: 78,
    stdout: '',
    stderr: expect.stringMatching(/^leveret: cannot read .*none\.pem: ENOENT/),
  });
});

it('lists every setting with its source', async () => {
  writeFileSync(file, 'heartbeat = 30');
  const { stdout } = await runCli('leveret', [
    'config',
    'show',
    '--json',
    '--config',
    file,
    '--port',
    '1234',
  ]);
  const listed: unknown = JSON.parse(stdout);
  expect(listed).toContainEqual({ name: 'heartbeat', value: '30', source: 'leveret.conf:1', live: false });
  expect(listed).toContainEqual({
    name: 'listeners.tcp.default',
    value: '1234',
    source: '--port',
    live: false,
  });
});

it('says what it can do', async () => {
  expect(await runCli('leveret', ['config', 'chekc'])).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('leveret config check'),
  });
});
