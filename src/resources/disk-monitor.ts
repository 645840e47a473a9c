import { statfs } from 'node:fs/promises';
import type { Clock, Timer } from '../broker/clock.ts';

/** Checks come the faster, the less is left, as in RabbitMQ: by how long the fastest writer needs to fill it. */
const checkMsMin = 100;
const checkMsMax = 10_000;
const fastestBytesPerMs = 250_000;

/** Which disk is watched, and from when on there is too little space. */
export interface DiskMonitorOptions {
  readonly clock: Clock;
  readonly directory: string;
  readonly limitBytes: number;
  /** Called at every check. */
  readonly onCheck: (isBelowLimit: boolean) => void;
  /** The free space cannot be asked for; nothing is known then, and the alarm stays as it is. */
  readonly onError: (error: unknown) => void;
}

/** Compares the space that is free around the data directory with its limit (RabbitMQ page "Disk Alarms"). */
export class DiskMonitor {
  readonly #options: DiskMonitorOptions;
  #limitBytes: number;
  #freeBytes = 0;
  #timer: Timer | undefined;
  #isStopped = false;

  private constructor(options: DiskMonitorOptions) {
    this.#options = options;
    this.#limitBytes = options.limitBytes;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** At the last check. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Resolves after the first check. */
  static async start(options: DiskMonitorOptions): Promise<DiskMonitor> {
    const monitor = new DiskMonitor(options);
    await monitor.#check();
    return monitor;
  }

  /** Resolves when the new limit has been checked. */
  async setLimit(limitBytes: number): Promise<void> {
    this.#limitBytes = limitBytes;
    await this.#check();
  }

  async #check(): Promise<void> {
    const { clock, directory, onCheck, onError } = this.#options;
    let delayMs = checkMsMax;
    try {
      const { bavail, bsize } = await statfs(directory);
      this.#freeBytes = bavail * bsize;
      const leftBytes = this.#freeBytes - this.#limitBytes;
      delayMs = Math.min(checkMsMax, Math.max(checkMsMin, leftBytes / fastestBytesPerMs));
      if (!this.#isStopped) onCheck(leftBytes < 0);
    } catch (error) {
      onError(error);
    }
    this.#timer?.cancel();
    if (!this.#isStopped) this.#timer = clock.setTimer(delayMs, () => void this.#check());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }
}
