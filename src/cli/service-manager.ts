import { execFile } from 'node:child_process';
import type { Logger } from '../logger.ts';

/** How often the watchdog is answered within its time: one answer may get lost. */
const answersPerTimeout = 3;

/**
 * Tells systemd how the broker is doing, when systemd started it with `Type=notify`. Node cannot write to a
 * datagram socket of the file system, so systemd's own program does.
 *
 * @see sd_notify(3)
 */
export class ServiceManager {
  readonly #isPresent: boolean;
  readonly #logger: Logger;
  readonly #watchdogMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(environment: NodeJS.ProcessEnv, logger: Logger) {
    this.#isPresent = environment['NOTIFY_SOCKET'] !== undefined;
    this.#logger = logger;
    this.#watchdogMs = Number(environment['WATCHDOG_USEC'] ?? 0) / 1000;
  }

  /** Clients are served. From now on the watchdog is answered by a timer, so an event loop that stands still is noticed. */
  ready(status: string): void {
    this.#notify('READY=1', `STATUS=${status}`);
    if (!this.#isPresent || !(this.#watchdogMs > 0)) return;
    this.#timer = setInterval(() => this.#notify('WATCHDOG=1'), this.#watchdogMs / answersPerTimeout);
    this.#timer.unref();
  }

  /** The broker has begun to stop; writing what is left may take its time. */
  stopping(): void {
    clearInterval(this.#timer);
    this.#notify('STOPPING=1', 'STATUS=Writing what is left');
  }

  #notify(...states: string[]): void {
    if (!this.#isPresent) return;
    execFile('systemd-notify', [`--pid=${process.pid}`, ...states], (error) => {
      if (error !== null) this.#logger.warn({}, `systemd was not told ${states[0]}: ${error.message}`);
    });
  }
}
