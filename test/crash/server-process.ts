import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { programPath } from '../programs.ts';

export interface ServerProcessOptions {
  readonly dataDir: string;
  /** More flags of `leveret server`. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it serves the HTTP API, too. */
  readonly hasHttp?: boolean;
  /** The rights of files hold for it, even where the tests run as root. */
  readonly obeysModes?: boolean;
}

const isRoot = process.getuid?.() === 0;
/** Of root, what lets it pass by the rights of files. */
const rightsOfRoot = '-dac_override,-dac_read_search';
const withoutRights = ['setpriv', `--bounding-set=${rightsOfRoot}`, `--inh-caps=${rightsOfRoot}`];

const program = programPath('leveret');

/** What the first line of the program gives Node and the C library on the way. */
const shebang = readFileSync(program, 'utf8').split('\n', 1)[0]?.split(' ') ?? [];
const nodeFlags = shebang.filter((word) => word.startsWith('--'));
const processSettings = Object.fromEntries(
  shebang.filter((word) => word.includes('=') && !word.startsWith('--')).map((word) => word.split('=')),
);

/** The lines of standard output that are kept for error messages. */
const keptLinesMax = 200;

interface Waiting {
  readonly text: string;
  readonly times: number;
  readonly resolve: (line: string) => void;
}

/** `leveret server` as a process of its own on free ports: to be killed. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #lines: string[] = [];
  readonly #complaints: string[] = [];
  #waiting: Waiting[] = [];
  /** Files of the store that were done with and removed. */
  generationsRemoved = 0;

  constructor({ dataDir, flags = [], env = {}, hasHttp = false, obeysModes = false }: ServerProcessOptions) {
    const address = [
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--management-port',
      hasHttp ? '0' : 'none',
      '--metrics-port',
      'none',
    ];
    const serverFlags = ['server', ...address, '--data-dir', dataDir, ...flags];
    const before = obeysModes && isRoot ? withoutRights : [];
    const [command = '', ...args] = [...before, process.execPath, ...nodeFlags, program, ...serverFlags];
    this.#child = spawn(command, args, {
      env: { ...environment(), ...processSettings, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#closed = once(this.#child, 'close');
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('the server has no output');
    createInterface({ input: stdout }).on('line', (line) => this.#take(line));
    createInterface({ input: stderr }).on('line', (line) => {
      this.#complaints.push(line);
      this.#take(line);
    });
  }

  /** Starts a broker and resolves when it accepts clients. */
  static async start(options: ServerProcessOptions): Promise<{ server: ServerProcess; url: string }> {
    const server = new ServerProcess(options);
    return { server, url: await server.ready() };
  }

  /** Resolves with the URL to connect to, login included. */
  async ready(): Promise<string> {
    const line: { url?: string } = JSON.parse(await this.logged(' ready at '));
    return `${line.url}`.replace('amqp://', 'amqp://guest:guest@');
  }

  /** The answer to a health check of the HTTP API. */
  async health(check: string): Promise<{ status: number; body: unknown }> {
    const { managementPort }: { managementPort?: number } = JSON.parse(await this.logged(' ready at '));
    const response = await fetch(`http://127.0.0.1:${managementPort}/api/health/checks/${check}`, {
      headers: { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` },
    });
    return { status: response.status, body: await response.json() };
  }

  /** Resolves with the first line of the log with that text. Rejects when the process ends without one. */
  logged(text: string): Promise<string> {
    return this.loggedTimes(text, 1);
  }

  /** The same for the line that is so many of its kind. */
  async loggedTimes(text: string, times: number): Promise<string> {
    const known = this.#lines.filter((line) => line.includes(text))[times - 1];
    if (known !== undefined) return known;
    const found = new Promise<string>((resolve) => this.#waiting.push({ text, times, resolve }));
    const ended = this.#closed.then(() => {
      throw new Error(`the server ended without "${text}":\n${this.log}`);
    });
    return Promise.race([found, ended]);
  }

  get log(): string {
    return this.#lines.join('\n');
  }

  /** Standard error. The broker writes nothing there; LMDB does when it is in trouble. */
  get complaints(): readonly string[] {
    return this.#complaints;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Files, sockets and whatever else has a descriptor. */
  get openFiles(): number {
    return readdirSync(`/proc/${this.#child.pid}/fd`).length;
  }

  /** Files that it has open. */
  get openPaths(): readonly string[] {
    const directory = `/proc/${this.#child.pid}/fd`;
    return readdirSync(directory).flatMap((descriptor) => {
      try {
        return readlinkSync(`${directory}/${descriptor}`);
      } catch {
        // Closed meanwhile.
        return [];
      }
    });
  }

  /** Memory that is not backed by files, in bytes. */
  get anonymousBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  /** Asks it to stop and resolves with its exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.ended();
  }

  /** @throws Error when a signal ended it that nobody sent. */
  async ended(): Promise<number | null> {
    await this.#closed;
    const { exitCode, signalCode } = this.#child;
    if (signalCode !== null && signalCode !== 'SIGKILL') {
      throw new Error(`the server died of ${signalCode}:\n${this.log}`);
    }
    return exitCode;
  }

  #take(line: string): void {
    if (line.includes('removed generation')) this.generationsRemoved++;
    if (this.#lines.push(line) > keptLinesMax) this.#lines.shift();
    this.#waiting = this.#waiting.filter(({ text, times, resolve }) => {
      if (this.#lines.filter((known) => known.includes(text)).length < times) return true;
      resolve(line);
      return false;
    });
  }
}

/** Without the settings of this test run. */
function environment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LEVERET_')));
}
