import { ConfigError } from '../config/error.ts';
import { type ConfigSources, type LoadedConfig, loadConfig } from '../config/load.ts';
import type { Config } from '../config/settings.ts';
import { checkCertificates } from '../tls/certificates.ts';
import { TlsError } from '../tls/tls-error.ts';
import { formatRows } from './ctl/format.ts';
import { ExitCode } from './exit-code.ts';
import { type GivenFlags, usageError } from './flags.ts';
import { settingFlags } from './server.ts';

/** The flags of `leveret config`: the settings, and the form of the answer. */
export const configFlags = {
  ...settingFlags,
  json: { doc: 'Print JSON.' },
};

const columns = ['name', 'value', 'source', 'live'];

/**
 * `leveret config check` and `leveret config show`: what a start with these flags, this environment and this file
 * would use. Nothing is started.
 *
 * @throws ConfigError with one line that names the mistake.
 */
export async function runConfig(given: GivenFlags, sources: Omit<ConfigSources, 'flags'>): Promise<ExitCode> {
  const [, action, surplus] = given.words;
  if ((action !== 'check' && action !== 'show') || surplus !== undefined) {
    throw usageError('say "leveret config check" or "leveret config show"');
  }
  const loaded = loadConfig({ ...sources, flags: given.values });
  for (const warning of loaded.warnings) process.stderr.write(`${warning}\n`);
  if (action === 'check') checkFiles(loaded.config);
  const text = action === 'check' ? checked(loaded) : await shown(loaded, given.switches.has('json'));
  process.stdout.write(text);
  return ExitCode.Ok;
}

/** @throws ConfigError for certificates that a broker could not start with */
function checkFiles({ tls, managementTls }: Config): void {
  try {
    for (const listener of [tls, managementTls]) if (listener !== undefined) checkCertificates(listener);
  } catch (error) {
    throw error instanceof TlsError ? new ConfigError(error.message) : error;
  }
}

function checked({ config, warnings }: LoadedConfig): string {
  const file = config.configFile ?? 'no configuration file';
  return warnings.length === 0 ? `${file}: fine\n` : `${file}: usable, see the warnings above\n`;
}

function shown({ effective }: LoadedConfig, isJson: boolean): Promise<string> {
  const rows = effective.map((setting) => ({ ...setting }));
  return formatRows(rows, columns, isJson ? 'json' : 'pretty_table', true);
}
