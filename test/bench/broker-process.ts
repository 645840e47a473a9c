import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Usage, usageOf } from './usage.ts';

const startTimeoutMs = 60_000;
const startPollMs = 10;

/** How a broker is started, and started again on the same data. */
export interface BrokerCommand {
  readonly port: number;
  /** Of its Prometheus page; `undefined`: there is none. */
  readonly metricsPort?: number | undefined;
  /** Where its data lies; `undefined`: it does not outlive the process. */
  readonly directory: string | undefined;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Whether it has come to rest after its start; it may be at work still when it listens. */
  readonly isReady?: () => boolean;
  /** Its standard error is of interest. */
  readonly showsErrors: boolean;
  /** Runs when the broker has ended for good. */
  readonly cleanUp: () => Promise<void>;
}

const started = new Set<BrokerProcess>();

/** Stops every broker that is still running. */
export async function stopBrokers(): Promise<void> {
  await Promise.all([...started].map((broker) => broker.stop()));
}

/** A broker under load. */
export class BrokerProcess {
  readonly #command: BrokerCommand;
  #child: ChildProcess;
  #ended: Promise<void>;
  #hasEnded = false;

  private constructor(command: BrokerCommand) {
    this.#command = command;
    [this.#child, this.#ended] = this.#spawn();
  }

  /** @throws Error when it does not listen, or is not ready, within a minute. */
  static async start(command: BrokerCommand): Promise<BrokerProcess> {
    const broker = new BrokerProcess(command);
    started.add(broker);
    await broker.#until(async () => (await answers(command.port)) && command.isReady?.() !== false);
    return broker;
  }

  get port(): number {
    return this.#command.port;
  }

  get metricsPort(): number | undefined {
    return this.#command.metricsPort;
  }

  get directory(): string | undefined {
    return this.#command.directory;
  }

  usage(): Usage {
    return usageOf(this.#child.pid ?? 0);
  }

  /** Ends the process with `signal` and starts it again. Resolves, once it listens, to the moment of that start. */
  async restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
    this.#signal(signal);
    await this.#ended;
    const startedAt = performance.now();
    [this.#child, this.#ended] = this.#spawn();
    await this.#until(() => answers(this.port));
    return startedAt;
  }

  async stop(): Promise<void> {
    if (!started.delete(this)) return;
    this.#signal('SIGTERM');
    await this.#ended;
    await this.#command.cleanUp();
  }

  #spawn(): [ChildProcess, Promise<void>] {
    const { program, args, env, showsErrors } = this.#command;
    const stdio = ['ignore', 'ignore', showsErrors ? 'inherit' : 'ignore'] as const;
    // A group of its own: RabbitMQ is a shell script with a child, and SIGKILL has to reach both.
    const child = spawn(program, args, { env, stdio: [...stdio], detached: true });
    this.#hasEnded = false;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => {
        this.#hasEnded = true;
        resolve();
      });
    });
    return [child, ended];
  }

  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    const { pid } = this.#child;
    if (this.#hasEnded || pid === undefined) return;
    process.kill(signal === 'SIGKILL' ? -pid : pid, signal);
  }

  async #until(isThere: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + startTimeoutMs;
    while (!(await isThere())) {
      if (this.#hasEnded || Date.now() > deadline) {
        await this.stop();
        throw new Error(`${this.#child.spawnargs.join(' ')} does not serve port ${this.port}`);
      }
      await sleep(startPollMs);
    }
  }
}

/** Whether an AMQP greeting on this port is answered with one. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('AMQP\0\0\x09\x01'));
    socket.once('data', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    function settle(answered: boolean): void {
      resolve(answered);
      socket.destroy();
    }
  });
}
