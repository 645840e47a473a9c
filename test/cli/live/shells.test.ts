import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../../src/index.ts';
import { HttpClient } from '../../management/http-client.ts';
import { programPath } from '../../programs.ts';
import { FakeTerminal } from './fake-terminal.ts';

// What only a shell and a terminal can show: leveretctl is a program on the path there.

let broker: RunningBroker;
let directory: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  broker = await startBroker({ port: 0, managementPort: 0 });
  const http = new HttpClient(broker.managementPort);
  for (const name of ['orders', 'a:b', 'a c', 'other']) {
    await http.put(`/api/queues/%2F/${encodeURIComponent(name)}`);
  }
  directory = mkdtempSync(join(tmpdir(), 'leveretctl-'));
  const script = `#!/bin/sh\nexec '${process.execPath}' '${programPath('leveretctl')}' "$@"\n`;
  writeFileSync(join(directory, 'leveretctl'), script);
  for (const [shell, file] of [
    ['bash', 'bash'],
    ['fish', 'fish'],
    ['zsh', '_leveretctl'],
  ] as const) {
    const completion = await new FakeTerminal(broker).run('completion', shell);
    writeFileSync(join(directory, file), completion);
  }
  chmodSync(join(directory, 'leveretctl'), 0o755);
  env = {
    ...process.env,
    PATH: `${directory}:${process.env['PATH']}`,
    LEVERETCTL_URL: `http://127.0.0.1:${broker.managementPort}`,
    LANG: 'C.UTF-8',
    TERM: 'xterm-256color',
  };
});
afterAll(async () => {
  await broker.close();
  rmSync(directory, { recursive: true });
});

/** Standard output of a program. */
function output(program: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { env, cwd: directory, maxBuffer: 2 ** 24 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program}: ${stderr}`));
    });
  });
}

function isThere(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('completion', () => {
  it('works in bash, with names that bash cuts into words', async () => {
    const script = `
      source ./bash
      try() { COMP_LINE="$1"; COMP_POINT=\${#COMP_LINE}; _leveretctl; echo "\${COMPREPLY[*]}"; }
      try 'leveretctl peek a'; try 'leveretctl peek a:'
      LEVERETCTL_URL=http://127.0.0.1:1 try 'leveretctl peek o'
    `;
    expect(await output('bash', '-c', script)).toBe('a\\ c a:b\nb\n\n');
  });

  it.skipIf(!isThere('fish'))('works in fish (skipped without fish)', async () => {
    const printed = await output(
      'fish',
      '--no-config',
      '-c',
      'source ./fish; complete -C "leveretctl peek o"',
    );
    expect(printed).toBe('orders\nother\n');
  });

  it.skipIf(!isThere('zsh') || !isThere('tmux'))('works in zsh (skipped without zsh and tmux)', async () => {
    const terminal = new Tmux('zsh -f -i');
    try {
      terminal.type(
        `fpath=(${directory} $fpath); autoload -U compinit; compinit -u -D; echo re''ady`,
        'Enter',
      );
      await terminal.shows(/^ready/m);
      terminal.type('leveretctl peek ord', 'Tab');
      await terminal.shows(/leveretctl peek orders/);
    } finally {
      terminal.close();
    }
  });
});

it('prints all there is into a pipe before it ends', async () => {
  const http = new HttpClient(broker.managementPort);
  await http.put('/api/queues/%2F/large');
  const payload = 'x'.repeat(4_000_000);
  const message = { routing_key: 'large', properties: {}, payload, payload_encoding: 'string' };
  await http.post('/api/exchanges/%2F/amq.default/publish', message);
  const printed = await output('leveretctl', 'peek', 'large', '--json', '--truncate', '4000000');
  expect(JSON.parse(printed).payload).toBe(payload);
});

describe.skipIf(!isThere('tmux'))('on a terminal (skipped without tmux)', () => {
  it('top follows the keys and the size of the window, and leaves the screen as it was', async () => {
    const terminal = new Tmux('echo before; leveretctl top; echo ended with $?; read');
    try {
      await terminal.shows(/1 \[queues\].*TOTAL↓.*orders/s);
      terminal.type('/');
      terminal.type('oth');
      await terminal.shows(/names with: oth_/);
      terminal.type('Enter');
      await terminal.shows(/1-1 of 1 {2}with "oth"/);
      terminal.resize(200, 10);
      await terminal.shows(/VHOST.*TYPE.*ACK\/S/);
      terminal.type('2');
      await terminal.shows(/2 \[connections\].*none of 0/s);
      terminal.type('q');
      await terminal.shows(/^before\nended with 0/);
    } finally {
      terminal.close();
    }
  });
});

describe.skipIf(!isThere('tmux'))('a move on a terminal (skipped without tmux)', () => {
  it('draws how far it is, and ends with Ctrl-C', async () => {
    const http = new HttpClient(broker.managementPort);
    for (let index = 0; index < 4; index++) {
      const message = { routing_key: 'orders', properties: {}, payload: 'x', payload_encoding: 'string' };
      await http.post('/api/exchanges/%2F/amq.default/publish', message);
    }
    const terminal = new Tmux('leveretctl move orders other --rate 1; echo ended with $?; read');
    try {
      await terminal.shows(/^moving █+░+ \d+ % {2}[12] of 4 {2}[\d.]+\/s {2}\d+ s left/);
      terminal.type('C-c');
      await terminal.shows(/stopped: about \d messages? moved from 'orders' to 'other'\nended with 130/);
    } finally {
      terminal.close();
    }
  });
});

/** A terminal of 80 columns that runs a command. */
class Tmux {
  readonly #socket = join(directory, `tmux-${Math.random()}`);

  constructor(command: string) {
    this.#run('-f', '/dev/null', 'new-session', '-d', '-x', '80', '-y', '24', command);
  }

  /** Keys by their names, or text. */
  type(...keys: readonly string[]): void {
    this.#run('send-keys', ...keys);
  }

  resize(columns: number, rows: number): void {
    this.#run('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** Resolves when the screen looks like this. */
  async shows(pattern: RegExp): Promise<void> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const screen = this.#run('capture-pane', '-p');
      if (pattern.test(screen)) return;
      if (performance.now() > deadline) throw new Error(`this is no ${pattern}:\n${screen}`);
      await delay(50);
    }
  }

  close(): void {
    this.#run('kill-server');
  }

  #run(...args: readonly string[]): string {
    return execFileSync('tmux', ['-S', this.#socket, ...args], { env, cwd: directory, encoding: 'utf8' });
  }
}
