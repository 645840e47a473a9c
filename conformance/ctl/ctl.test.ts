import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ctl } from '../../src/cli/ctl/ctl.ts';
import { CommandError } from '../../src/cli/exit-code.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { brokerName } from '../harness/broker.ts';
import { controllable } from '../harness/control.ts';
import { type Compared, cases, definitions, wordsOf } from './cases.ts';
import { nodeName, rabbitmqProgram } from './rabbitmq-program.ts';

/** What RabbitMQ 3.10.8 does, by command line; `CONFORMANCE_RECORD=1` writes it. */
const recordedFile = new URL('recorded.json', import.meta.url);
const isRecording = process.env['CONFORMANCE_RECORD'] === '1' && brokerName === 'rabbitmq';

interface Ended {
  readonly code: number;
  readonly stdout: string;
}

const recorded: Record<string, Ended> = isRecording ? {} : JSON.parse(readFileSync(recordedFile, 'utf8'));

describe.skipIf(!controllable)('command lines', () => {
  let directory: string;
  let leveret: RunningBroker | undefined;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'conformance-ctl-'));
    writeFileSync(join(directory, 'definitions.json'), JSON.stringify(definitions));
    if (brokerName === 'rabbitmq') return;
    const program = { settings: [], environment: {}, reload: async () => {}, stop: () => {} };
    leveret = await startBroker({ port: 0, controlSocket: join(directory, 'leveretctl.sock'), program });
  });
  afterAll(async () => {
    await leveret?.close();
    rmSync(directory, { recursive: true });
    if (isRecording) writeFileSync(recordedFile, `${JSON.stringify(recorded, undefined, 2)}\n`);
  });

  for (const { line, compared } of cases) it(line, () => run(line, compared));

  async function run(line: string, compared: Compared): Promise<void> {
    const [program = '', ...given] = wordsOf(line);
    const args = given.map((word) => {
      const file = fileNames[word];
      return file === undefined ? word : join(directory, file);
    });
    const { code, stdout } = leveret === undefined ? await rabbitmq(program, args) : await leveretctl(args);
    const found = { code, stdout: part(compared, stdout.replaceAll(directory, 'DIRECTORY')) };
    if (isRecording) recorded[line] = found;
    expect(found).toEqual(recorded[line]);
  }

  async function leveretctl(args: readonly string[]): Promise<Ended> {
    let stdout = '';
    try {
      await ctl(['--data-dir', directory, ...args], (text) => {
        stdout += text;
      });
      return { code: 0, stdout: stdout.replaceAll(`leveret@${hostname()}`, 'NODE') };
    } catch (error) {
      if (error instanceof CommandError) return { code: error.exitCode, stdout: '' };
      throw error;
    }
  }
});

const fileNames: Readonly<Record<string, string>> = { FILE: 'definitions.json', NEW: 'new.json' };

async function rabbitmq(program: string, args: readonly string[]): Promise<Ended> {
  const { code, stdout } = await rabbitmqProgram(program, args);
  // A failure prints its banner, which says nothing.
  return { code, stdout: code === 0 ? stdout.replaceAll(nodeName, 'NODE') : '' };
}

/** RabbitMQ lists in no order, and streams of JSON with empty lines between; what its conformance fixtures have added is nobody's business. */
function sorted(stdout: string): string {
  const lines = stdout.split('\n').map((line) => line.replace(/^,/, ''));
  return lines
    .filter((line) => line !== '' && !/^\W*(\w+\W+)?(limited|conformance-private)\b/.test(line))
    .sort()
    .join('\n');
}

function part(compared: Compared, stdout: string): string {
  switch (compared) {
    case 'all':
      return sorted(stdout);
    case 'columns':
      return stdout.split('\n', 1)[0] ?? '';
    case 'keys': {
      const parsed: unknown = JSON.parse(stdout);
      return Object.keys(Array.isArray(parsed) ? Object(parsed[0]) : Object(parsed))
        .sort()
        .join(' ');
    }
    case 'code':
      return '';
  }
}
