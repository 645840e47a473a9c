import type { Logger } from '../logger.ts';
import type { Span } from './span.ts';

/** Spans that wait for the collector; further ones are dropped. */
const waitingMax = 4096;
/** Spans of one request. */
const batchMax = 512;
const requestTimeoutMs = 10_000;

/** Where spans are sent, and what is said of who sends them. */
export interface OtlpOptions {
  /** `http://collector:4318`, to which `/v1/traces` is added, or a URL with a path. */
  readonly endpoint: string;
  /** Longest time a span waits for others, in milliseconds. */
  readonly delayMs: number;
  readonly serviceVersion: string;
  /** `service.instance.id`. */
  readonly node: string;
  readonly log: Logger;
}

/**
 * Sends spans to a collector: OpenTelemetry's protocol over HTTP, as JSON. One request at a time. A collector that
 * does not answer costs spans, which are counted, and nothing else.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/
 */
export class OtlpExporter {
  readonly #options: OtlpOptions;
  readonly #url: string;
  readonly #closing = new AbortController();
  #waiting: Span[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #isFailing = false;
  exportedCount = 0;
  droppedCount = 0;

  constructor(options: OtlpOptions) {
    this.#options = options;
    const url = new URL(options.endpoint);
    if (url.pathname === '/') url.pathname = '/v1/traces';
    this.#url = url.href;
  }

  add(span: Span): void {
    if (this.#waiting.length >= waitingMax) {
      this.droppedCount++;
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length >= batchMax) this.#send();
    else this.#sendLater();
  }

  /** Sends what waits, if the collector takes it within a second. */
  async close(): Promise<void> {
    const patience = setTimeout(() => this.#closing.abort(), 1000);
    while (this.#waiting.length > 0 && !this.#closing.signal.aborted) {
      this.#send();
      await this.#sending;
    }
    clearTimeout(patience);
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  #sendLater(): void {
    if (this.#sending !== undefined) return;
    this.#timer ??= setTimeout(() => this.#send(), this.#options.delayMs).unref();
  }

  #send(): void {
    if (this.#sending !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting.splice(0, batchMax);
    this.#sending = this.#post(batch).finally(() => {
      this.#sending = undefined;
      if (this.#waiting.length >= batchMax) this.#send();
      else if (this.#waiting.length > 0) this.#sendLater();
    });
  }

  async #post(batch: readonly Span[]): Promise<void> {
    try {
      const { ok, status } = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(this.#request(batch)),
        signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(requestTimeoutMs)]),
      });
      if (!ok) throw new Error(`HTTP status ${status}`);
      this.exportedCount += batch.length;
      this.#isFailing = false;
    } catch (error) {
      this.droppedCount += batch.length;
      this.#tellOfFailure(error);
    }
  }

  /** Once for each time that it begins. */
  #tellOfFailure(error: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    const { endpoint, log } = this.#options;
    const fields = { err: error, endpoint };
    log.warn(fields, 'the collector does not take traces: spans are dropped and counted until it does');
  }

  #request(batch: readonly Span[]): object {
    const { serviceVersion, node } = this.#options;
    const resource = {
      'service.name': 'leveret',
      'service.version': serviceVersion,
      'service.instance.id': node,
    };
    const scope = { name: 'leveret', version: serviceVersion };
    return {
      resourceSpans: [
        {
          resource: { attributes: attributesOf(resource) },
          scopeSpans: [{ scope, spans: batch.map(spanOf) }],
        },
      ],
    };
  }
}

function spanOf({ startedAt, endedAt, attributes, hasFailed, ...span }: Span): object {
  return {
    ...span,
    startTimeUnixNano: String(startedAt),
    endTimeUnixNano: String(endedAt),
    attributes: attributesOf(attributes),
    status: hasFailed ? { code: 2 } : {},
  };
}

function attributesOf(all: Span['attributes']): object[] {
  return Object.entries(all).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return { intValue: String(value) };
}
