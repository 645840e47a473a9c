/** A setting that cannot be used. The message is one line that names the setting and where it came from. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
