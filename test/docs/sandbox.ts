import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Block } from './blocks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = (name: string) => join(root, 'dist', 'cli', `${name}.js`);

/** Time a block has; one that runs on is ended after the second. */
const blockTimeoutMs = 30_000;
const runsOnMs = 3000;

/** What a page must not touch on the machine it is checked on. */
const outOfReach = ['sudo', 'systemctl', 'journalctl', 'docker', 'kubectl', 'npm', 'apt-get', 'reboot'];

/** What happened when a block was run. */
export interface Result {
  readonly ok: boolean;
  readonly printed: string;
}

/** A broker with its default ports, and a directory, for the blocks of one page in their order. */
export class Sandbox {
  readonly #directory: string;
  readonly #broker: ChildProcess;
  #files = 0;

  private constructor(directory: string, broker: ChildProcess) {
    this.#directory = directory;
    this.#broker = broker;
  }

  static async open(): Promise<Sandbox> {
    // Inside the repository, so that packages are found, leveret itself among them.
    mkdirSync(join(root, '.tmp'), { recursive: true });
    const directory = mkdtempSync(join(root, '.tmp', 'docs-'));
    mkdirSync(join(directory, 'bin'));
    for (const name of ['leveret', 'leveretctl']) symlinkSync(program(name), join(directory, 'bin', name));
    for (const name of outOfReach)
      script(join(directory, 'bin', name), `echo "${name} is out of reach here" >&2; exit 1`);
    script(join(directory, 'bin', 'npx'), 'exec "$@"');
    const broker = spawn(program('leveret'), ['server', '--data-dir', join(directory, 'data')], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const sandbox = new Sandbox(directory, broker);
    for await (const line of createInterface({ input: broker.stdout }))
      if (line.includes(' ready at ')) return sandbox;
    await sandbox.close();
    throw new Error('the broker did not start: is another one running?');
  }

  async run(block: Block): Promise<Result> {
    switch (block.language) {
      case 'sh':
        return this.#execute(block, 'bash', ['-euo', 'pipefail', '-c', `${block.setup}\n${block.text}`]);
      case 'ini': {
        const file = this.#write('conf', block.text);
        return this.#execute(block, program('leveret'), ['config', 'check', '--config', file]);
      }
      default: {
        const file = this.#write(block.language === 'js' ? 'mjs' : 'mts', example(block));
        const tsx = fileURLToPath(import.meta.resolve('tsx'));
        return this.#execute(block, process.execPath, ['--import', tsx, file]);
      }
    }
  }

  async close(): Promise<void> {
    if (this.#broker.exitCode === null) {
      this.#broker.kill('SIGTERM');
      await once(this.#broker, 'exit');
    }
    rmSync(this.#directory, { recursive: true });
  }

  #write(ending: string, content: string): string {
    const file = join(this.#directory, `block-${++this.#files}.${ending}`);
    writeFileSync(file, content);
    return file;
  }

  async #execute({ runsOn }: Block, command: string, args: readonly string[]): Promise<Result> {
    const child = spawn(command, args, {
      cwd: this.#directory,
      // A block may leave things running behind; they go with it.
      detached: true,
      env: { ...process.env, PATH: `${join(this.#directory, 'bin')}:${process.env['PATH']}`, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = Promise.all([text(child.stdout), text(child.stderr)]);
    let isOver = false;
    const end = () => {
      isOver = true;
      killGroup(child);
    };
    const timer = setTimeout(end, runsOn ? runsOnMs : blockTimeoutMs);
    const exited = new Promise<number | null>((resolve) => child.on('exit', resolve));
    const code = await exited;
    clearTimeout(timer);
    if (!isOver) killGroup(child);
    const [printed, complaints] = await output;
    const ok = isOver ? runsOn : code === 0;
    return { ok, printed: ok ? printed : `${printed}${complaints}${isOver ? '(it did not end)\n' : ''}` };
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left of it.
  }
}

/** A broker in a program has ports and a directory of its own. */
function embedded(code: string): string {
  return code.replaceAll('startBroker({', 'startBroker({ port: 0,').replaceAll("'./data'", "'./embedded'");
}

/** A program, with what examples take for granted. A broker in it does not get in the way of the other one. */
function example({ setup, text: shown, runsOn }: Block): string {
  const code = `${setup}\n${embedded(shown)}`;
  const lacks = (name: string) =>
    new RegExp(`\\b${name}\\b`).test(code) &&
    !new RegExp(`(const|let) ${name}\\b|import.*\\b${name}\\b`).test(code);
  const lines: string[] = [];
  if (lacks('broker')) lines.push(`const broker = await startBroker({ port: 0 });`);
  if (lacks('channel')) {
    lines.push(`const connection = await amqp.connect('amqp://localhost');`);
    lines.push('const channel = await connection.createConfirmChannel();');
  }
  const all = lines.join('\n') + code;
  const imports = [
    /\bamqp\./.test(all) && !/import amqp/.test(code) ? `import amqp from 'amqplib';` : '',
    lacks('startBroker') || lacks('broker') ? `import { startBroker } from 'leveret';` : '',
  ];
  // Consumers and brokers would go on for ever.
  const end = runsOn ? '' : '\nsetTimeout(() => process.exit(), 500);\n';
  return `${[...imports, ...lines].join('\n')}\n${code}${end}`;
}

function script(path: string, body: string): void {
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}
