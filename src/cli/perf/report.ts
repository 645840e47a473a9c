import type { Latency, Meters } from './meters.ts';
import type { PerfOptions } from './options.ts';

/** The result of a run. Rates are messages per second, up to the end of publishing and up to the last delivery. */
export interface PerfSummary {
  readonly seconds: number;
  readonly published: number;
  readonly publishRate: number;
  readonly confirmed: number;
  readonly nacked: number;
  readonly unconfirmed: number;
  readonly consumed: number;
  readonly consumeRate: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly redelivered: number;
  readonly foreign: number;
  /** Milliseconds from publish to delivery. */
  readonly endToEndMs: Latency | undefined;
  /** Milliseconds from publish to confirm. */
  readonly confirmMs: Latency | undefined;
}

/** Prints a line about each second. */
export class LiveReport {
  readonly #options: PerfOptions;
  readonly #meters: Meters;
  readonly #write: (line: string) => void;
  readonly #startedMs = performance.now();
  #lastMs = this.#startedMs;
  #published = 0;
  #confirmed = 0;
  #consumed = 0;

  constructor(options: PerfOptions, meters: Meters, write: (line: string) => void) {
    this.#options = options;
    this.#meters = meters;
    this.#write = write;
  }

  /** The line about the time since the last call. */
  line(): void {
    const now = performance.now();
    const perSecond = (count: number) => Math.round((count * 1000) / (now - this.#lastMs));
    const { published, confirmed, consumed, endToEnd, confirm } = this.#meters;
    const { producers, consumers, confirmWindow } = this.#options;
    const parts = [`${((now - this.#startedMs) / 1000).toFixed(1)} s`];
    if (producers > 0) parts.push(`published ${perSecond(published - this.#published)}/s`);
    if (confirmWindow > 0) parts.push(`confirmed ${perSecond(confirmed - this.#confirmed)}/s`);
    if (consumers > 0) parts.push(`consumed ${perSecond(consumed - this.#consumed)}/s`);
    const latency = endToEnd.takeInterval();
    const confirmLatency = confirm.takeInterval();
    if (latency !== undefined) parts.push(`latency ${percentiles(latency)}`);
    if (confirmLatency !== undefined) parts.push(`confirm ${percentiles(confirmLatency)}`);
    this.#write(parts.join('  '));
    this.#lastMs = now;
    this.#published = published;
    this.#confirmed = confirmed;
    this.#consumed = consumed;
  }
}

/** The summary for people. */
export function summaryText(summary: PerfSummary, options: PerfOptions): string {
  const lines: string[] = [];
  if (options.producers > 0) {
    lines.push(`published   ${summary.published} (${Math.round(summary.publishRate)}/s)`);
  }
  if (options.confirmWindow > 0) {
    lines.push(
      `confirmed   ${summary.confirmed}, nacked ${summary.nacked}, unconfirmed ${summary.unconfirmed}`,
    );
  }
  if (options.consumers > 0) {
    lines.push(`consumed    ${summary.consumed} (${Math.round(summary.consumeRate)}/s)`);
    const { lost, duplicates, reordered, redelivered, foreign } = summary;
    lines.push(
      `checked     lost ${lost}, duplicates ${duplicates}, out of order ${reordered}, redelivered ${redelivered}`,
    );
    if (foreign > 0) lines.push(`            ${foreign} messages were not from this run`);
  }
  if (summary.endToEndMs !== undefined) lines.push(`latency     ${percentiles(summary.endToEndMs)}`);
  if (summary.confirmMs !== undefined) lines.push(`confirm     ${percentiles(summary.confirmMs)}`);
  return lines.join('\n');
}

function percentiles({ p50, p95, p99, p999, max }: Latency): string {
  const figures = [p50, p95, p99, p999, max].map((ms) => (ms >= 100 ? ms.toFixed(0) : ms.toFixed(2)));
  return `p50/p95/p99/p99.9/max ${figures.join('/')} ms`;
}
