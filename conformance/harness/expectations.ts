import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { ClosedByServer, type RawChannel } from '../raw-client.ts';
import type { MethodName } from '../raw-codec.ts';
import { type BrokerName, brokerName } from './broker.ts';

/** The expected value where Leveret differs from RabbitMQ 3.10.8 on purpose; README.md says why. */
export function expectOn<Value>(values: Readonly<Record<BrokerName, Value>>): Value {
  return values[brokerName];
}

/** What the server is expected to say in channel.close or connection.close. */
export interface ExpectedClose {
  readonly code: number;
  /** The whole reply text. */
  readonly text: string | RegExp;
  /** The method blamed, or `0/0`. */
  readonly method: MethodName | '0/0';
}

/** The close that ends `operation`: it rejects with it, or resolves to it (`closedByServer()`). */
async function closeOf(operation: Promise<unknown>): Promise<ClosedByServer> {
  const outcome = await operation.catch((error: unknown) => error);
  if (outcome instanceof ClosedByServer) return outcome;
  if (outcome instanceof Error) throw outcome;
  throw new Error('the server did not object');
}

function compare(close: ClosedByServer, scope: ClosedByServer['scope'], expected: ExpectedClose): void {
  const { code, text, method } = close;
  const wanted = typeof expected.text === 'string' ? expected.text : expect.stringMatching(expected.text);
  expect({ scope: close.scope, code, text, method }).toEqual({
    scope,
    code: expected.code,
    text: wanted,
    method: expected.method,
  });
}

/** Expects a channel error with code, text and blamed method, and that the connection outlives it. */
export async function expectChannelError(
  operation: Promise<unknown>,
  expected: ExpectedClose,
): Promise<void> {
  const close = await closeOf(operation);
  compare(close, 'channel', expected);
  await close.connection.channel();
}

/** Expects a connection error with code, text and blamed method. */
export async function expectConnectionError(
  operation: Promise<unknown>,
  expected: ExpectedClose,
): Promise<void> {
  compare(await closeOf(operation), 'connection', expected);
}

/**
 * The queue's ready messages and consumers. In RabbitMQ this question overtakes publishes on their way to the
 * queue: after publishing, use basic.get (drain), a confirm, or {@link eventually}.
 */
export async function queueCounts(
  channel: RawChannel,
  queue: string,
): Promise<{ readonly messages: number; readonly consumers: number }> {
  const ok = await channel.call('queue.declare', { queue, passive: true });
  return { messages: ok.number('message-count'), consumers: ok.number('consumer-count') };
}

/** Returns when the server has handled everything this channel sent before. */
export async function barrier(channel: RawChannel): Promise<void> {
  await channel.call('channel.flow', { active: true });
}

/** Repeats a check until it holds: for effects that no reply announces. */
export async function eventually(check: () => Promise<void>, timeoutMs = 5_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(20);
    }
  }
}

/** basic.get with automatic acknowledgement; undefined when the queue is empty. */
export async function getText(channel: RawChannel, queue: string): Promise<string | undefined> {
  const reply = await channel.call('basic.get', { queue, 'no-ack': true });
  return reply.name === 'basic.get-ok' ? reply.text : undefined;
}

/** All ready messages of a queue, taken out one after the other. */
export async function drain(channel: RawChannel, queue: string): Promise<string[]> {
  const texts: string[] = [];
  for (let text = await getText(channel, queue); text !== undefined; text = await getText(channel, queue)) {
    texts.push(text);
  }
  return texts;
}

/** Sequence numbers settled until all of 1..count are, in order of arrival; checks that none comes twice. */
export async function settled(channel: RawChannel, count: number): Promise<Map<number, 'ack' | 'nack'>> {
  const outcome = new Map<number, 'ack' | 'nack'>();
  let lowest = 1;
  while (outcome.size < count) {
    const confirm = await channel.next('basic.ack', 'basic.nack');
    const tag = confirm.deliveryTag;
    const verdict = confirm.name === 'basic.ack' ? 'ack' : 'nack';
    if (confirm.fields['multiple'] === true) {
      for (let number = lowest; number <= tag; number++)
        if (!outcome.has(number)) outcome.set(number, verdict);
      lowest = tag + 1;
    } else {
      expect(outcome.has(tag)).toBe(false);
      outcome.set(tag, verdict);
    }
  }
  return outcome;
}
