import { ConfigError } from '../config/error.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/settings.ts';
import type { Logs } from '../logs/logs.ts';
import type { RunningBroker } from '../options.ts';
import type { MemoryWatermark } from '../resources/memory-monitor.ts';
import { configuredLevels } from './open-logs.ts';

/** Reads the configuration again while the broker runs, and takes up what can change. */
export class Reload {
  #current: LoadedConfig;
  readonly #load: () => LoadedConfig;
  readonly #logs: Logs;
  readonly #broker: RunningBroker;

  constructor(current: LoadedConfig, load: () => LoadedConfig, logs: Logs, broker: RunningBroker) {
    this.#current = current;
    this.#load = load;
    this.#logs = logs;
    this.#broker = broker;
  }

  /** As they were read last. */
  get settings(): LoadedConfig['effective'] {
    return this.#current.effective;
  }

  /** A configuration with a mistake in it changes nothing. The log goes on in a new file in any case. */
  async run(): Promise<void> {
    this.#logs.reopen();
    let next: LoadedConfig;
    try {
      next = this.#load();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#logs.error({}, `configuration not read again: ${error.message}`);
      return;
    }
    for (const warning of next.warnings) this.#logs.warn({}, warning);
    const before = new Map(this.#current.effective.map(({ name, value }) => [name, value]));
    this.#current = next;
    this.#logs.setLevels(configuredLevels(next.config.log));
    this.#broker.setMemoryWatermark(memoryWatermark(next.config));
    this.#broker.reloadCertificates();
    await this.#broker.setDiskFreeLimit(next.config.diskFreeLimitBytes);
    const changed = next.effective.filter(({ name, value }) => before.get(name) !== value);
    for (const { name, value, live } of changed) {
      if (live) this.#logs.info({}, `${name} is ${value} now`);
      else this.#logs.warn({}, `${name} has changed to ${value}: that needs a restart`);
    }
    this.#logs.info({}, `configuration read again, ${changed.length} settings have changed`);
  }
}

/** What the two settings of the watermark say together. */
export function memoryWatermark(config: Config): MemoryWatermark {
  const { memoryWatermarkBytes: absolute, memoryWatermarkShare: relative } = config;
  return absolute === undefined ? { relative } : { absolute };
}
