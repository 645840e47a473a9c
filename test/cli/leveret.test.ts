import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { version } from '../../src/version.ts';
import { runCli } from './process.ts';

const directory = mkdtempSync(join(tmpdir(), 'leveret-cli-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('leveret', () => {
  it.each([[['--help']], [['help']], [['server', 'help']]])(
    'says what it can do: leveret %j',
    async (args) => {
      const { code, stdout } = await runCli('leveret', args);
      expect(code).toBe(0);
      expect(stdout).toContain('leveret server');
      expect(stdout).toContain('--data-dir');
    },
  );

  it('knows its version', async () => {
    expect(await runCli('leveret', ['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  it.each([
    [['--prot', '1'], 64, 'leveret: unknown flag --prot (did you mean --port?)\n'],
    [['server', '--prot', '1'], 64, 'leveret: unknown flag --prot (did you mean --port?)\n'],
    [['srever'], 64, 'leveret: unknown command srever (did you mean server?)\n'],
    [['server', 'config', 'show'], 64, 'leveret: two commands: server and config\n'],
    [['--port', 'x'], 78, 'leveret: --port: "x" is not a port from 0 to 65535, or none\n'],
    [['perf', '--size', '1'], 64, 'leveret: --size: "1" is not a size from 16'],
    [['perf', '--uri', 'amqp://127.0.0.1:1'], 69, 'leveret: 127.0.0.1:1: connect ECONNREFUSED'],
  ])('%j ends with %i and one line', async (args, expected, line) => {
    const { code, stdout, stderr } = await runCli('leveret', args);
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toContain(line);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('does not start where it cannot write', async () => {
    const file = join(directory, 'a-file');
    writeFileSync(file, '');
    const { code, stderr } = await runCli('leveret', ['--data-dir', join(file, 'data')]);
    expect(code).toBe(73);
    expect(stderr).toBe(
      `leveret: cannot write to the data directory ${join(file, 'data')} (ENOTDIR): choose another with --data-dir\n`,
    );
  });
});
