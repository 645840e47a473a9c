import type { Channel } from '../channel/channel.ts';

/**
 * The channels of a connection by number. A number is free, open, or closing: after the broker has sent
 * channel.close everything that arrives on it is dropped, until channel.close-ok frees it.
 */
export class ChannelTable {
  /** So many channels are open at once at most, whatever their numbers. */
  openMax = 0;
  readonly #open = new Map<number, Channel>();
  readonly #closing = new Set<number>();
  // Frames of one channel come in runs.
  #lastNumber = -1;
  #last: Channel | undefined;

  /** The open channel of this number. */
  get(number: number): Channel | undefined {
    if (number === this.#lastNumber) return this.#last;
    this.#last = this.#open.get(number);
    this.#lastNumber = number;
    return this.#last;
  }

  get size(): number {
    return this.#open.size;
  }

  values(): IterableIterator<Channel> {
    return this.#open.values();
  }

  isClosing(number: number): boolean {
    return this.#closing.has(number);
  }

  /** Neither open nor waiting for channel.close-ok. */
  isFree(number: number): boolean {
    return !this.#open.has(number) && !this.#closing.has(number);
  }

  /** As many channels are open as was agreed on. */
  get isFull(): boolean {
    return this.#open.size >= this.openMax;
  }

  add(number: number, channel: Channel): void {
    this.#open.set(number, channel);
    this.#lastNumber = -1;
  }

  /** Takes an open channel out; its number is closing, or free at once. */
  remove(number: number, isClosing: boolean): Channel | undefined {
    const channel = this.#open.get(number);
    this.#open.delete(number);
    this.#lastNumber = -1;
    if (isClosing) this.#closing.add(number);
    return channel;
  }

  /** The client has answered channel.close. */
  free(number: number): void {
    this.#closing.delete(number);
  }

  clear(): void {
    this.#open.clear();
    this.#closing.clear();
    this.#lastNumber = -1;
    this.#last = undefined;
  }
}
