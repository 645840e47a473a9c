/** What may run out. */
export type AlarmResource = 'disk' | 'memory';

/** Who says so: the figures of the operating system, or the store, which has refused a commit. */
export type AlarmSource = 'monitor' | 'store';

/**
 * Resource alarms (RabbitMQ page "Memory and Disk Alarms"): while one is in effect, connections that publish
 * are not read from.
 */
export class Alarms {
  /** Looked at for every publish. */
  isInEffect = false;

  readonly #inEffect = new Map<AlarmResource, ReadonlySet<AlarmSource>>();
  readonly #blocked = new Set<() => void>();

  /** In alphabetical order. */
  get resources(): readonly AlarmResource[] {
    return [...this.#inEffect.keys()].sort();
  }

  /** The reason for blocking that connection.blocked gives, in RabbitMQ's words. */
  get reason(): string {
    return `low on ${this.resources.join(' & ')}`;
  }

  /** Sets or clears an alarm, which lasts as long as any source says so. True when that is a change. */
  set(resource: AlarmResource, isInEffect: boolean, source: AlarmSource = 'monitor'): boolean {
    const before = this.#inEffect.get(resource);
    const sources = new Set(before);
    if (isInEffect) sources.add(source);
    else sources.delete(source);
    if (sources.size > 0) this.#inEffect.set(resource, sources);
    else this.#inEffect.delete(resource);
    this.isInEffect = this.#inEffect.size > 0;
    if (!this.isInEffect) this.#unblock();
    return sources.size > 0 !== (before !== undefined);
  }

  /** Calls `unblock` once, when the last alarm is cleared. */
  whenCleared(unblock: () => void): void {
    this.#blocked.add(unblock);
  }

  forget(unblock: () => void): void {
    this.#blocked.delete(unblock);
  }

  #unblock(): void {
    const blocked = [...this.#blocked];
    this.#blocked.clear();
    for (const unblock of blocked) unblock();
  }
}
