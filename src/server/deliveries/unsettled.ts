import type { Segment } from '../../broker/log/segment.ts';
import type { Consumer, DeliveringQueue } from '../../broker/queues/consumer.ts';

/** A consumer, as those know it who keep its deliveries. */
export interface ServedConsumer extends Consumer {
  /** Deliveries that it has not settled. */
  unackedCount: number;
  /** x-consumer-timeout, in milliseconds. */
  readonly timeoutMs: number | undefined;
}

/** A message that a channel has been given and has not settled yet. */
export class Delivery {
  readonly tag: number;
  readonly queue: DeliveringQueue;
  /** Undefined: fetched by basic.get. */
  readonly consumer: ServedConsumer | undefined;
  readonly segment: Segment;
  readonly index: number;
  isSettled = false;

  constructor(
    tag: number,
    queue: DeliveringQueue,
    consumer: ServedConsumer | undefined,
    segment: Segment,
    index: number,
  ) {
    this.tag = tag;
    this.queue = queue;
    this.consumer = consumer;
    this.segment = segment;
    this.index = index;
  }
}

/** Settled deliveries are swept out of the middle of the list when they outnumber the others by this many. */
const sweepSlack = 1024;

/**
 * The unsettled deliveries of a channel, in the order of their tags. Acknowledging the oldest, one by one
 * or `multiple`, costs the same however many there are; any other one is found by bisection.
 */
export class UnsettledList {
  #deliveries: Delivery[] = [];
  /** Those before are settled. */
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The oldest one that is outstanding. */
  get first(): Delivery | undefined {
    // Whatever is taken out, the head is moved on to one that is not settled.
    return this.#deliveries[this.#head];
  }

  add(delivery: Delivery): void {
    this.#deliveries.push(delivery);
    this.#size++;
  }

  /** Takes out the delivery with that tag; undefined when it is not outstanding. */
  take(tag: number): Delivery | undefined {
    const delivery = this.#deliveries[this.#indexOf(tag)];
    if (delivery === undefined || delivery.tag !== tag || delivery.isSettled) return undefined;
    delivery.isSettled = true;
    this.#size--;
    this.#sweep();
    return delivery;
  }

  /** Takes out all up to and including `tag`, oldest first. */
  takeUpTo(tag: number, each: (delivery: Delivery) => void): void {
    const deliveries = this.#deliveries;
    while (this.#head < deliveries.length) {
      const delivery = deliveries[this.#head];
      if (delivery === undefined || delivery.tag > tag) break;
      this.#head++;
      if (delivery.isSettled) continue;
      delivery.isSettled = true;
      this.#size--;
      each(delivery);
    }
    this.#sweep();
  }

  /** Puts deliveries that were taken out back to their places. */
  restore(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) delivery.isSettled = false;
    const outstanding = new Set([...this, ...deliveries]);
    this.#deliveries = [...outstanding].sort((left, right) => left.tag - right.tag);
    this.#head = 0;
    this.#size = this.#deliveries.length;
  }

  has(tag: number): boolean {
    const delivery = this.#deliveries[this.#indexOf(tag)];
    return delivery !== undefined && delivery.tag === tag && !delivery.isSettled;
  }

  /** Everything that is outstanding, oldest first. */
  *[Symbol.iterator](): IterableIterator<Delivery> {
    for (let i = this.#head; i < this.#deliveries.length; i++) {
      const delivery = this.#deliveries[i];
      if (delivery !== undefined && !delivery.isSettled) yield delivery;
    }
  }

  /** Where `tag` stands or would stand. Tags mostly have no holes, so the first guess is mostly right. */
  #indexOf(tag: number): number {
    const deliveries = this.#deliveries;
    const first = deliveries[this.#head];
    if (first === undefined) return -1;
    const guess = this.#head + tag - first.tag;
    if (deliveries[guess]?.tag === tag) return guess;
    let low = this.#head;
    let high = deliveries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((deliveries[middle]?.tag ?? 0) < tag) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #sweep(): void {
    const deliveries = this.#deliveries;
    while (this.#head < deliveries.length && deliveries[this.#head]?.isSettled) this.#head++;
    if (this.#head === deliveries.length) {
      if (this.#head > 0) this.#deliveries = [];
      this.#head = 0;
      return;
    }
    const settled = deliveries.length - this.#size;
    if (settled <= this.#size + sweepSlack) return;
    this.#deliveries = deliveries.filter((delivery) => !delivery.isSettled);
    this.#head = 0;
  }
}
