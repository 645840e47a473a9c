import type { Logger } from 'pino';
import { ConfigError } from '../config/error.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/settings.ts';
import { pinoLevel } from '../logging.ts';
import type { RunningBroker } from '../options.ts';
import type { MemoryWatermark } from '../resources/memory-monitor.ts';

/** Reads the configuration again while the broker runs, and takes up what can change. */
export class Reload {
  #current: LoadedConfig;
  readonly #load: () => LoadedConfig;
  readonly #logger: Logger;
  readonly #broker: RunningBroker;

  constructor(current: LoadedConfig, load: () => LoadedConfig, logger: Logger, broker: RunningBroker) {
    this.#current = current;
    this.#load = load;
    this.#logger = logger;
    this.#broker = broker;
  }

  /** As they were read last. */
  get settings(): LoadedConfig['effective'] {
    return this.#current.effective;
  }

  /** A configuration with a mistake in it changes nothing. */
  async run(): Promise<void> {
    let next: LoadedConfig;
    try {
      next = this.#load();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#logger.error(`configuration not read again: ${error.message}`);
      return;
    }
    for (const warning of next.warnings) this.#logger.warn(warning);
    const before = new Map(this.#current.effective.map(({ name, value }) => [name, value]));
    this.#current = next;
    this.#logger.level = pinoLevel(next.config.logLevel);
    this.#broker.setMemoryWatermark(memoryWatermark(next.config));
    this.#broker.reloadCertificates();
    await this.#broker.setDiskFreeLimit(next.config.diskFreeLimitBytes);
    const changed = next.effective.filter(({ name, value }) => before.get(name) !== value);
    for (const { name, value, live } of changed) {
      if (live) this.#logger.info(`${name} is ${value} now`);
      else this.#logger.warn(`${name} has changed to ${value}: that needs a restart`);
    }
    this.#logger.info(`configuration read again, ${changed.length} settings have changed`);
  }
}

/** What the two settings of the watermark say together. */
export function memoryWatermark(config: Config): MemoryWatermark {
  const { memoryWatermarkBytes: absolute, memoryWatermarkShare: relative } = config;
  return absolute === undefined ? { relative } : { absolute };
}
