import type { TracingOptions } from '../options.ts';
import type { SettingReader } from './setting.ts';
import { shareOrNothing, url } from './value.ts';

const chapter = 'Tracing';

/** Distributed tracing, which is off unless there is an endpoint. */
export function readTracingSettings(read: SettingReader): TracingOptions | undefined {
  const endpoint = read({
    flag: 'tracing-otlp-endpoint',
    fileKeys: ['tracing.otlp.endpoint'],
    type: url,
    defaultValue: undefined,
    defaultText: 'none: no tracing',
    doc: 'Collector that takes OpenTelemetry traces over HTTP, such as http://localhost:4318; without a path /v1/traces is added.',
    chapter,
  });
  const samplingRatio = read({
    flag: 'tracing-sampling',
    fileKeys: ['tracing.sampling'],
    type: shareOrNothing,
    defaultValue: 0.01,
    defaultText: '0.01',
    doc: 'Share of messages that are followed although they carry no traceparent; those with a sampled one always are.',
    chapter,
  });
  return endpoint === undefined ? undefined : { endpoint, samplingRatio };
}
