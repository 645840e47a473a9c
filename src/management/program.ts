/** A setting as it is in force, and where it came from: `default`, `--port`, `LEVERET_PORT` or `leveret.conf:12`. */
export interface SettingInForce {
  readonly name: string;
  readonly value: string;
  readonly source: string;
  /** Whether it can change while the broker runs. */
  readonly live: boolean;
}

/** What the program around a broker can be asked for. A broker embedded in another program has none. */
export interface Program {
  /** What it was started with, or has read since. */
  readonly settings: readonly SettingInForce[];
  /** The variables of its environment that are for the broker, without secrets. */
  readonly environment: Readonly<Record<string, string>>;
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
