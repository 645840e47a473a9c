import type { AlarmResource, Alarms } from '../broker/alarms.ts';
import type { Clock } from '../broker/clock.ts';
import { text } from '../broker/events/entries.ts';
import type { EventHub } from '../broker/events/event-hub.ts';
import type { Logger } from '../logger.ts';
import { DiskMonitor } from './disk-monitor.ts';
import { MemoryMonitor, type MemoryWatermark } from './memory-monitor.ts';

/** What is watched, and which alarms it sets. */
export interface ResourceMonitorOptions {
  readonly alarms: Alarms;
  readonly events: EventHub;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodeName: string;
  readonly memoryWatermark: MemoryWatermark;
  /** Undefined: nothing is written anywhere, so no disk can run full. */
  readonly dataDir: string | undefined;
  /** Bytes. */
  readonly diskFreeLimit: number;
}

/** Sets and clears the resource alarms, and says so in the log once per change. */
export class ResourceMonitor {
  readonly #options: ResourceMonitorOptions;
  readonly #memory: MemoryMonitor;
  #disk: DiskMonitor | undefined;

  private constructor(options: ResourceMonitorOptions) {
    const { clock, memoryWatermark: watermark } = options;
    this.#options = options;
    this.#memory = new MemoryMonitor({
      clock,
      watermark,
      onCheck: (isAbove) => this.#set('memory', isAbove),
    });
  }

  /** Resolves when everything has been looked at for the first time. */
  static async start(options: ResourceMonitorOptions): Promise<ResourceMonitor> {
    const monitor = new ResourceMonitor(options);
    const { clock, log, dataDir, diskFreeLimit: limitBytes } = options;
    if (dataDir !== undefined) {
      monitor.#disk = await DiskMonitor.start({
        clock,
        directory: dataDir,
        limitBytes,
        onCheck: (isBelow) => monitor.#set('disk', isBelow),
        onError: (error) => log.error({ err: error }, `cannot find out the free space of ${dataDir}`),
      });
    }
    return monitor;
  }

  /** Memory in use above which publishers are blocked. */
  get memoryLimitBytes(): number {
    return this.#memory.limitBytes;
  }

  /** Undefined without a data directory. */
  get disk(): { readonly freeBytes: number; readonly limitBytes: number } | undefined {
    return this.#disk;
  }

  /** Free space below which publishers are blocked; undefined without a data directory. */
  get diskFreeLimitBytes(): number | undefined {
    return this.#disk?.limitBytes;
  }

  setMemoryWatermark(watermark: MemoryWatermark): void {
    this.#memory.setWatermark(watermark);
  }

  async setDiskFreeLimit(bytes: number): Promise<void> {
    await this.#disk?.setLimit(bytes);
  }

  #set(resource: AlarmResource, isInEffect: boolean): void {
    const { alarms, events, log, nodeName } = this.#options;
    if (!alarms.set(resource, isInEffect)) return;
    const type = isInEffect ? 'alarm.set' : 'alarm.cleared';
    events.tell(type, undefined, () => [text('node', nodeName), text('source', resource)]);
    const alarm = `${resource} resource limit alarm`;
    if (isInEffect) {
      const consequence = '*** Publishers will be blocked until this alarm clears ***';
      log.warn({ alarm: resource }, `${alarm} set on node '${nodeName}'. ${consequence}`);
    } else {
      log.warn({ alarm: resource }, `${alarm} cleared on node '${nodeName}'`);
    }
  }

  stop(): void {
    this.#memory.stop();
    this.#disk?.stop();
  }
}
