import { uint32At } from '../../protocol/bytes.ts';

/** Pairs of slots for addresses. Of those that want the same pair the two that were decoded last are known. */
const pairCount = 2048;
/** An odd number with its bits spread. */
const hashFactor = 0x85ebca6b;

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
  readonly #slots = new Array<Address | undefined>(2 * pairCount);

  /** The address in buffer[start,end); `decode` is asked for one that is not known. */
  find(buffer: Buffer, start: number, end: number, decode: () => Address): Address {
    const slots = this.#slots;
    const pair = pairOf(buffer, start, end);
    const known = slots[pair];
    if (known !== undefined && isSameBytes(known.bytes, buffer, start, end)) return known;
    const other = slots[pair + 1];
    if (other !== undefined && isSameBytes(other.bytes, buffer, start, end)) return other;
    const address = decode();
    slots[pair] = address;
    slots[pair + 1] = known;
    return address;
  }
}

/** Where an address may stand: the first of two slots. */
function pairOf(buffer: Buffer, start: number, end: number): number {
  let hash = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) hash = Math.imul(hash ^ uint32At(buffer, at), hashFactor) ^ (hash >>> 15);
  for (; at < end; at++) hash = Math.imul(hash ^ (buffer[at] ?? 0), hashFactor);
  return 2 * ((hash ^ (hash >>> 15)) & (pairCount - 1));
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
