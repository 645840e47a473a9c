import { execFileSync } from 'node:child_process';
import type { Bound } from './bound.ts';
import { type Figures, figuresOf } from './load.ts';

/** It depends on the machine which of them is the fastest, and the bound is what is fastest. */
const buffersKib = [64, 256, 1024];

/** What the kernel moves over the loopback, from a sender through a relay to a receiver; see relay.c. */
export class Loopback implements Bound {
  readonly name = 'loopback';
  readonly #relay: string;
  readonly #bodyBytes: number;
  readonly #rates: number[] = [];

  constructor(relay: string, bodyBytes: number) {
    this.#relay = relay;
    this.#bodyBytes = bodyBytes;
  }

  measure(seconds: number): number {
    const each = seconds / buffersKib.length;
    const rates = buffersKib.map((kib) => {
      const args = [this.#bodyBytes, each, kib * 1024].map(String);
      return figuresOf(execFileSync(this.#relay, args, { encoding: 'utf8' })).get('deliver_rate') ?? 0;
    });
    const best = Math.max(...rates);
    this.#rates.push(best);
    return best;
  }

  figures(): Figures {
    const mean = this.#rates.reduce((sum, rate) => sum + rate, 0) / this.#rates.length;
    return new Map([['deliver_rate', mean]]);
  }

  /** Relays end by themselves. */
  close(): void {}
}
