import type { MessageSpans } from '../broker/log/spans.ts';
import type { Message } from '../broker/message.ts';
import type { DeliveryEnd, TracedDelivery, TraceOrigin } from '../broker/taps/trace.ts';
import { FieldTable } from '../protocol/field-table.ts';
import { longString, textOf } from '../protocol/field-value.ts';
import { rewriteProperties } from '../protocol/properties.ts';
import { type Span, SpanKind } from './span.ts';
import {
  formatTraceParent,
  newSpanId,
  newTraceId,
  parseTraceParent,
  type TraceContext,
  traceParentHeader,
} from './trace-context.ts';

/** Deliveries that are followed until they are settled; further ones are not. */
const openMax = 10_000;

type OpenSpan = Omit<Span, 'endedAt' | 'hasFailed' | 'attributes'> & {
  readonly attributes: Record<string, string | number | boolean>;
};

/**
 * Makes spans of the way of messages: one for each publish, one for each delivery from when it is written until it
 * is settled. A message that carries a sampled `traceparent` is followed, and its spans are children of that; of
 * messages without one a share is, and those are given a `traceparent` of the broker's.
 */
export class MessageTracer implements MessageSpans {
  readonly #ratio: number;
  readonly #ended: (span: Span) => void;
  /** By channel and delivery tag. */
  readonly #open = new WeakMap<object, Map<number, OpenSpan>>();
  #openCount = 0;

  /** `ratio`: the share of messages without a `traceparent` that are followed, from 0 to 1. */
  constructor(ratio: number, ended: (span: Span) => void) {
    this.#ratio = ratio;
    this.#ended = ended;
  }

  published(message: Message, routed: readonly unknown[], origin: TraceOrigin): void {
    const parent = contextOf(message);
    if (parent?.isSampled === false) return;
    if (parent === undefined && Math.random() >= this.#ratio) return;
    const { exchange, routingKey, bodySize } = message;
    const traceId = parent?.traceId ?? newTraceId();
    const spanId = newSpanId();
    if (parent === undefined) setContext(message, { traceId, spanId, isSampled: true });
    const span: OpenSpan = {
      traceId,
      spanId,
      parentSpanId: parent?.spanId,
      name: `publish ${exchange === '' ? 'amq.default' : exchange}`,
      kind: SpanKind.server,
      startedAt: now(),
      attributes: {
        ...common('publish', origin),
        'messaging.destination.name': exchange === '' ? 'amq.default' : exchange,
        'messaging.rabbitmq.destination.routing_key': routingKey,
        'messaging.message.body.size': bodySize,
        'leveret.queues': routed.length,
      },
    };
    // By the end of the turn it is in its queues.
    setImmediate(() => this.#end(span, false));
  }

  delivered(delivery: TracedDelivery, origin: TraceOrigin): void {
    const { queue, message, redelivered, channel, tag, isSettledLater } = delivery;
    const parent = contextOf(message);
    if (parent?.isSampled !== true || this.#openCount >= openMax) return;
    const span: OpenSpan = {
      traceId: parent.traceId,
      spanId: newSpanId(),
      parentSpanId: parent.spanId,
      name: `deliver ${queue.name}`,
      kind: SpanKind.client,
      startedAt: now(),
      attributes: {
        ...common('deliver', origin),
        'messaging.destination.name': queue.name,
        'messaging.rabbitmq.destination.routing_key': message.routingKey,
        'messaging.message.body.size': message.bodySize,
        'leveret.redelivered': redelivered,
      },
    };
    if (!isSettledLater) {
      this.#settle(span, 'automatic');
      return;
    }
    const ofChannel = this.#open.get(channel) ?? new Map<number, OpenSpan>();
    this.#open.set(channel, ofChannel.set(tag, span));
    this.#openCount++;
  }

  settled(channel: object, tag: number, end: DeliveryEnd): void {
    const ofChannel = this.#open.get(channel);
    const span = ofChannel?.get(tag);
    if (ofChannel === undefined || span === undefined) return;
    ofChannel.delete(tag);
    this.#openCount--;
    this.#settle(span, end);
  }

  #settle(span: OpenSpan, end: DeliveryEnd | 'automatic'): void {
    span.attributes['leveret.settlement'] = end.startsWith('requeue') ? 'requeue' : end;
    this.#end(span, end !== 'acknowledge' && end !== 'automatic');
  }

  #end(span: OpenSpan, hasFailed: boolean): void {
    this.#ended({ ...span, endedAt: now(), hasFailed });
  }
}

function common(operation: string, { vhost, connection, username }: TraceOrigin) {
  return {
    'messaging.system': 'rabbitmq',
    'messaging.operation.name': operation,
    'leveret.vhost': vhost,
    'leveret.user': username,
    'leveret.connection': connection,
  };
}

function contextOf({ headers }: Message): TraceContext | undefined {
  const text = textOf(headers?.get(traceParentHeader));
  return text === undefined ? undefined : parseTraceParent(text);
}

function setContext(message: Message, context: TraceContext): void {
  const { frames, propertiesStart, propertiesEnd, headers = FieldTable.empty } = message;
  const withContext = headers.with(traceParentHeader, longString(formatTraceParent(context)));
  message.replaceProperties(
    rewriteProperties(frames, propertiesStart, propertiesEnd, { headers: withContext }),
  );
}

/** Nanoseconds since the epoch. */
function now(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
}
