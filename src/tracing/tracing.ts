import type { MessageSpans } from '../broker/log/spans.ts';
import type { Logger } from '../logger.ts';
import type { TracingOptions } from '../options.ts';
import { version } from '../version.ts';
import { MessageTracer } from './message-tracer.ts';
import { OtlpExporter } from './otlp-exporter.ts';

const defaultSamplingRatio = 0.01;
const defaultDelayMs = 5000;

/** Follows messages and sends what there is to tell of them to a collector. */
export function openTracing(
  { endpoint, samplingRatio = defaultSamplingRatio, delayMs = defaultDelayMs }: TracingOptions,
  node: string,
  log: Logger,
): { readonly spans: MessageSpans; readonly exporter: OtlpExporter } {
  const exporter = new OtlpExporter({ endpoint, delayMs, serviceVersion: version, node, log });
  return { spans: new MessageTracer(samplingRatio, (span) => exporter.add(span)), exporter };
}
