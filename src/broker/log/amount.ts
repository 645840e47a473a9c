/** How many records, and bytes of their bodies; and of both, what is not persistent. */
export class Amount {
  count = 0;
  bytes = 0;
  transientCount = 0;
  transientBytes = 0;

  /** One more. */
  add(bodySize: number, isPersistent: boolean): void {
    this.count++;
    this.bytes += bodySize;
    if (isPersistent) return;
    this.transientCount++;
    this.transientBytes += bodySize;
  }

  /** One less. */
  remove(bodySize: number, isPersistent: boolean): void {
    this.count--;
    this.bytes -= bodySize;
    if (isPersistent) return;
    this.transientCount--;
    this.transientBytes -= bodySize;
  }

  addAll(other: Amount): void {
    this.count += other.count;
    this.bytes += other.bytes;
    this.transientCount += other.transientCount;
    this.transientBytes += other.transientBytes;
  }

  removeAll(other: Amount): void {
    this.count -= other.count;
    this.bytes -= other.bytes;
    this.transientCount -= other.transientCount;
    this.transientBytes -= other.transientBytes;
  }

  clear(): void {
    this.count = 0;
    this.bytes = 0;
    this.transientCount = 0;
    this.transientBytes = 0;
  }
}
