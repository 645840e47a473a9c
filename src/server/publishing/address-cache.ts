/** Slots for addresses. Two that want the same slot take turns. */
const slotCount = 1024;

/** Where a message was published to, and the same as bytes. */
export interface Address {
  /** Exchange and routing key as they stand in basic.publish. */
  readonly bytes: Buffer;
  readonly exchange: string;
  readonly routingKey: string;
}

/**
 * Addresses that have been decoded before, found by their bytes: who spreads messages over many routing keys names
 * each of them again and again. A string that is there already has its hash, too, which routing looks it up by.
 */
export class AddressCache {
  readonly #slots = new Array<Address | undefined>(slotCount);

  /** The address in buffer[start,end); `decode` is asked for one that is not known. */
  find(buffer: Buffer, start: number, end: number, decode: () => Address): Address {
    let hash = 0;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (buffer[i] ?? 0), 0x01000193);
    const slot = (hash ^ (hash >>> 15)) & (slotCount - 1);
    const known = this.#slots[slot];
    if (known !== undefined && isSameBytes(known.bytes, buffer, start, end)) return known;
    const address = decode();
    this.#slots[slot] = address;
    return address;
  }
}

/** Whether `known` is what stands in buffer[start,end). */
export function isSameBytes(known: Buffer, buffer: Buffer, start: number, end: number): boolean {
  const length = end - start;
  if (known.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (known[i] !== buffer[start + i]) return false;
  }
  return true;
}
