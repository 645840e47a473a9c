/** A setting that cannot be used. The message names the setting and where it came from, a line for each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
