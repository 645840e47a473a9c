import { isAbsolute } from 'node:path';
import type { Broker } from '../broker/broker.ts';
import { BackupError } from '../broker/store.ts';
import { type Logger, ofCategory } from '../logger.ts';

/** What to back up to, and how fast. */
export interface BackupRequest {
  /** An absolute path that does not exist yet. */
  readonly directory: string;
  /** Most bytes that are copied in a second. Default: 64 MiB. */
  readonly bytesPerSecond?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A backup, done or under way. */
export interface BackupStatus {
  readonly directory: string;
  readonly state: 'running' | 'done' | 'failed';
  /** Milliseconds since the epoch. All that was confirmed by then is in it. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly bytesDone: number;
  /** Undefined until it is known. */
  readonly bytesTotal: number | undefined;
  /** Why there is none. */
  readonly reason: string | undefined;
}

/** Backups of a running broker. */
export interface BackupControl {
  /**
   * Copies the data directory while it is in use. A broker that is started on the copy has every message that was
   * confirmed before, unless it was consumed; what was acknowledged meanwhile may come again. One at a time.
   *
   * @throws BackupError that says why there cannot be one; nothing is left of it then
   */
  backUp(request: BackupRequest): Promise<BackupStatus>;
  /** The backup that is under way, else the last one since the start. */
  readonly lastBackup: BackupStatus | undefined;
}

/** @param told called when a backup begins */
export function backupControl(broker: Broker, logger: Logger, told: (what: string) => void): BackupControl {
  const log = ofCategory(logger, 'store');
  let last: RunningBackup | undefined;

  return {
    get lastBackup() {
      return last?.status;
    },
    backUp: async ({ directory, bytesPerSecond, signal }) => {
      if (!isAbsolute(directory))
        throw new BackupError('the directory of a backup has to be an absolute path');
      if (last?.status.state === 'running') throw new BackupError('another backup is under way');
      const backup = new RunningBackup(directory, broker.clock.now());
      last = backup;
      told(`backup to ${directory}`);
      log.info({ directory }, `backing up to ${directory}`);
      try {
        await broker.store.backup({ directory, bytesPerSecond, signal }, backup);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        backup.end(broker.clock.now(), reason);
        log.error({ directory }, `backup failed: ${reason}`);
        throw error;
      }
      backup.end(broker.clock.now());
      log.info({ directory, bytes: backup.bytesDone }, `backed up ${backup.bytesDone} bytes to ${directory}`);
      return backup.status;
    },
  };
}

class RunningBackup {
  bytesDone = 0;
  bytesTotal: number | undefined;
  readonly #directory: string;
  readonly #startedAt: number;
  #endedAt: number | undefined;
  #reason: string | undefined;

  constructor(directory: string, startedAt: number) {
    this.#directory = directory;
    this.#startedAt = startedAt;
  }

  end(at: number, reason?: string): void {
    this.#endedAt = at;
    this.#reason = reason;
  }

  get status(): BackupStatus {
    const ended = this.#reason === undefined ? 'done' : 'failed';
    return {
      directory: this.#directory,
      state: this.#endedAt === undefined ? 'running' : ended,
      startedAt: this.#startedAt,
      endedAt: this.#endedAt,
      bytesDone: this.bytesDone,
      bytesTotal: this.bytesTotal,
      reason: this.#reason,
    };
  }
}
