import { randomBytes } from 'node:crypto';

/** Where a span belongs (W3C Trace Context, version 00). Ids in lower-case hexadecimal. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  /** Whoever began the trace wants it recorded. */
  readonly isSampled: boolean;
}

/** The header that carries it, in HTTP and in AMQP alike. */
export const traceParentHeader = 'traceparent';

/** Reads `00-<32 digits>-<16 digits>-<2 digits>`, and later versions as far as they are the same. */
export function parseTraceParent(text: string): TraceContext | undefined {
  const [, version, traceId, spanId, flags] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined || version === 'ff')
    return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The header `traceparent` of W3C Trace Context, version 00. */
export function formatTraceParent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}

/** 16 random bytes in hexadecimal. */
export function newTraceId(): string {
  return randomBytes(16).toString('hex');
}

/** 8 random bytes in hexadecimal. */
export function newSpanId(): string {
  return randomBytes(8).toString('hex');
}
