import { PerformanceObserver } from 'node:perf_hooks';

/** How often V8 has collected garbage, and how long it stopped the broker for that, since it was asked to count. */
export class GarbageCollections {
  count = 0;
  seconds = 0;
  readonly #observer = new PerformanceObserver((collections) => {
    for (const { duration } of collections.getEntries()) {
      this.count++;
      this.seconds += duration / 1000;
    }
  });

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  close(): void {
    this.#observer.disconnect();
  }
}
