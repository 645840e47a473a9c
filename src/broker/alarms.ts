/** What may run out. */
export type AlarmResource = 'disk' | 'memory';

/**
 * Resource alarms (RabbitMQ page "Memory and Disk Alarms"): while one is in effect, connections that publish
 * are not read from.
 */
export class Alarms {
  /** Looked at for every publish. */
  isInEffect = false;

  readonly #inEffect = new Set<AlarmResource>();
  readonly #blocked = new Set<() => void>();

  /** In alphabetical order. */
  get resources(): readonly AlarmResource[] {
    return [...this.#inEffect].sort();
  }

  /** The reason for blocking that connection.blocked gives, in RabbitMQ's words. */
  get reason(): string {
    return `low on ${this.resources.join(' & ')}`;
  }

  /** Sets or clears an alarm. True when that is a change. */
  set(resource: AlarmResource, isInEffect: boolean): boolean {
    if (this.#inEffect.has(resource) === isInEffect) return false;
    if (isInEffect) this.#inEffect.add(resource);
    else this.#inEffect.delete(resource);
    this.isInEffect = this.#inEffect.size > 0;
    if (!this.isInEffect) this.#unblock();
    return true;
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
