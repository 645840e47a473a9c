import { setImmediate } from 'node:timers/promises';
import { BackupError } from '../../broker/store.ts';
import type { BackupStatus } from '../../control/backup-control.ts';
import type { Api } from '../api.ts';
import { badRequest } from '../http/api-error.ts';
import { Answer, type Route, route } from '../http/route.ts';
import { bool, integer, object, optional, orElse, text } from '../http/schema.ts';

const tag = 'Backup';
const path = '/backup';

/** Backups while the broker runs, which RabbitMQ has not. */
export function backupRoutes(api: Api): readonly Route[] {
  const { backups } = api;
  return [
    route('GET', {
      path,
      access: 'administrator',
      tag,
      summary: 'The backup that is under way, else the last one since the start',
      isExtension: true,
      handle: () => (backups.lastBackup === undefined ? { state: 'none' } : viewOf(backups.lastBackup)),
    }),
    route('POST', {
      path,
      access: 'administrator',
      tag,
      summary: 'Copy the data directory to a new directory on the machine of the broker',
      isExtension: true,
      body: object({
        directory: text('An absolute path that does not exist yet; the directory around it does.'),
        bytes_per_second: optional(
          integer('Most bytes that are copied in a second. Default: 64 MiB.', { minimum: 65_536 }),
        ),
        wait: orElse(bool('Answer when the backup is done, not when it has begun.'), true),
      }),
      answers: { 202: 'The backup has begun: see GET', 400: 'There cannot be a backup; `reason` says why' },
      handle: async ({ body: { directory, bytes_per_second: bytesPerSecond, wait } }) => {
        const done = backups.backUp({ directory, bytesPerSecond });
        try {
          if (wait) return viewOf(await done);
          // What goes wrong at once is told at once, the rest by GET.
          await Promise.race([done, setImmediate()]);
        } catch (error) {
          throw error instanceof BackupError ? badRequest(error.message) : error;
        }
        done.catch(() => {});
        const { lastBackup } = backups;
        return new Answer(202, lastBackup && viewOf(lastBackup));
      },
    }),
  ];
}

function viewOf(status: BackupStatus): object {
  const { directory, state, startedAt, endedAt, bytesDone, bytesTotal, reason } = status;
  return {
    directory,
    state,
    started_at: startedAt,
    ...(endedAt !== undefined && { ended_at: endedAt }),
    bytes_done: bytesDone,
    ...(bytesTotal !== undefined && { bytes_total: bytesTotal }),
    ...(reason !== undefined && { reason }),
  };
}
