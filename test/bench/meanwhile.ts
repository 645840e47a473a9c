/** What goes on while a load runs: somebody who asks the broker for something else, again and again. */
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { answers } from './broker-process.ts';
import type { Figures } from './load.ts';

export interface Meanwhile {
  /** The load is over. */
  end(): Promise<Figures>;
}

const greetingEveryMs = 10;

/** How long the broker takes to answer the greeting of a new connection: an event loop that is busy answers late. */
export function greeting(port: number): Meanwhile {
  return repeating(greetingEveryMs, 'greeting', async () => {
    if (!(await answers(port))) throw new Error('a greeting was not answered');
    return [];
  });
}

/** How long the broker takes to hand out the metrics of every object. */
export function scraping(port: number | undefined, everyMs: number): Meanwhile {
  return repeating(everyMs, 'scrape', async () => [
    ['scrape_kib', (await pageBytes(`http://127.0.0.1:${port}/metrics/per-object`)) / 1024],
  ]);
}

/**
 * Reads a page as Prometheus asks for it, zipped, and forgets it. To unzip it and to make a text of it would take more of
 * the processor than the broker does for the page, and the two share it here.
 */
function pageBytes(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': 'gzip' } }, (page) => {
      let bytes = 0;
      page.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      page.once('end', () => resolve(bytes));
      page.once('error', reject);
    }).once('error', reject);
  });
}

/** Asks once an interval, never twice at a time: `<name>_p50_ms`, `_p99_ms` and `_max_ms`. */
function repeating(
  everyMs: number,
  name: string,
  ask: () => Promise<readonly (readonly [string, number])[]>,
): Meanwhile {
  const timesMs: number[] = [];
  const figures = new Map<string, number>();
  const over = new AbortController();
  const asking = (async () => {
    while (!over.signal.aborted) {
      const startedAt = performance.now();
      for (const [field, value] of await ask()) figures.set(field, value);
      const takenMs = performance.now() - startedAt;
      timesMs.push(takenMs);
      await sleep(Math.max(0, everyMs - takenMs), undefined, { signal: over.signal }).catch(() => {});
    }
  })();
  // Whoever ends it learns what went wrong.
  asking.catch(() => {});
  return {
    end: async () => {
      over.abort();
      await asking;
      timesMs.sort((left, right) => left - right);
      for (const [quantile, share] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const) {
        figures.set(`${name}_${quantile}_ms`, timesMs[Math.floor(share * timesMs.length)] ?? Number.NaN);
      }
      return figures.set(`${name}_max_ms`, timesMs.at(-1) ?? Number.NaN);
    },
  };
}
