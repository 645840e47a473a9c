import { join, resolve } from 'node:path';
import type { Config } from './settings.ts';

/** Where a broker with this configuration has its local socket; undefined: nowhere. */
export function controlSocketPath({
  controlSocket,
  dataDir,
}: Pick<Config, 'controlSocket' | 'dataDir'>): string | undefined {
  if (controlSocket === 'none') return undefined;
  return resolve(controlSocket ?? join(dataDir, 'leveretctl.sock'));
}
