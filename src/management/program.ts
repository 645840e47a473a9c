import type { EffectiveSetting } from '../config/load.ts';

/** What the program around a broker can be asked for. A broker embedded in another program has none. */
export interface Program {
  /** What it was started with, or has read since. */
  readonly settings: readonly EffectiveSetting[];
  /** Reads configuration and certificates again, as on SIGHUP. */
  reload(): Promise<void>;
  /** Ends the process, as SIGTERM does. */
  stop(): void;
}

/** What can be set while a broker runs. */
export interface Controls {
  setMemoryWatermark(watermark: { readonly relative: number } | { readonly absolute: number }): void;
  /** Bytes. */
  setDiskFreeLimit(bytes: number): Promise<void>;
  /** Accepts no AMQP client any more; who is connected stays. */
  suspendListeners(): void;
  /** @throws the operating system's error when a port has been taken meanwhile */
  resumeListeners(): Promise<void>;
}
