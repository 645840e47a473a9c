import { FieldTable } from '../../protocol/field-table.ts';
import { textOf } from '../../protocol/field-value.ts';
import { rewriteProperties } from '../../protocol/properties.ts';
import { decodedHeaders } from '../decoded-headers.ts';
import { Message } from '../message.ts';
import { PublishOutcome } from '../routing/publish-outcome.ts';
import { Route } from '../routing/route.ts';
import type { VirtualHost } from '../virtual-host.ts';
import { expirationOf } from './expiration.ts';
import { describe, type QueuedMessage } from './peek.ts';
import type { Queue, Taken } from './queue.ts';

/** Messages that one commit carries. */
const batchMax = 500;

/** Messages that are held because they stay: each takes some 100 bytes until the end. */
const passedOverMax = 1_000_000;

/** Headers that dead-lettering writes. */
const deathHeaders = ['x-death', 'x-first-death-exchange', 'x-first-death-queue', 'x-first-death-reason'];

/** Where a message goes: what to publish, and the way. No queue in it: the message stays. */
export interface Departure {
  readonly message: Message;
  readonly route: Route;
}

/** Which messages are moved, and how fast. */
export interface MoveOptions {
  /** Only messages for which this is true; others keep their places. */
  readonly where?: ((message: QueuedMessage) => boolean) | undefined;
  /** At most so many. */
  readonly limit?: number | undefined;
  /** At most so many in a second. */
  readonly ratePerSecond?: number | undefined;
  /** Only says what would be moved. */
  readonly dryRun?: boolean | undefined;
  /** Called when it begins and after each batch. Must not throw. */
  readonly onProgress?: ((progress: MoveProgress) => void) | undefined;
  /** Ends the move early, after the batch it is at; the result says how far it got. */
  readonly signal?: AbortSignal | undefined;
}

/** What became of the messages that were there when the move began. */
export interface MoveResult {
  readonly moved: number;
  /** Not wanted. */
  readonly passedOver: number;
  /** Wanted, but there was no queue to go to. */
  readonly unroutable: number;
  /** A full queue would not have any more: the move ended early. */
  readonly refused: boolean;
  /** More would have had to be held than a million that stay: the move ended early. */
  readonly tooManyStay?: true;
}

/** How far a move has got. */
export interface MoveProgress extends MoveResult {
  /** Ready messages that were there when it began. */
  readonly total: number;
  /** How many of them it has looked at. */
  readonly examined: number;
}

/** Waits, in milliseconds. */
export type Pause = (ms: number) => Promise<void>;

/**
 * Moves the ready messages of a queue, from its head on. A message leaves the queue only when it is on disk where it
 * goes: a crash in between leaves it in both, never in none.
 *
 * Consumers of the queue get what is left meanwhile. What is passed over is given back at the end, marked redelivered.
 */
export async function move(
  queue: Queue,
  depart: (message: Message) => Departure,
  options: MoveOptions,
  pause: Pause,
): Promise<MoveResult> {
  const { where, limit = Number.POSITIVE_INFINITY, ratePerSecond = Number.POSITIVE_INFINITY } = options;
  const { onProgress, signal } = options;
  const { broker } = queue.vhost;
  const kept: Taken[] = [];
  let gone: Taken[] = [];
  const result = { moved: 0, passedOver: 0, unroutable: 0, refused: false };
  const total = queue.readyCount;
  let left = total;
  const aborted = new Promise<void>((resolve) => {
    signal?.addEventListener('abort', () => resolve(), { once: true });
  });
  const isFull = () => kept.length >= passedOverMax;
  const isOver = () =>
    result.moved >= limit || result.refused || isFull() || queue.isDeleted || signal?.aborted === true;
  try {
    onProgress?.({ ...result, total, examined: 0 });
    while (left > 0 && !isOver()) {
      const room = passedOverMax - kept.length;
      const batch = Math.min(left, room, batchMax, limit - result.moved, Math.max(1, ratePerSecond));
      let soon: Promise<void> | undefined;
      for (let i = 0; i < batch && !result.refused; i++) {
        const taken = queue.get(false);
        if (taken === undefined) {
          soon = queue.headSoon;
          if (soon === undefined) left = 0;
          break;
        }
        left--;
        kept.push(taken);
        if (!leaves(taken, where, depart, broker.clock.now(), result)) continue;
        kept.pop();
        gone.push(taken);
      }
      broker.moved();
      await broker.committer.flush();
      for (const { segment, index } of gone) queue.acknowledge(segment, index);
      const count = gone.length;
      gone = [];
      result.moved += count;
      onProgress?.({ ...result, total, examined: total - left });
      // It may be long before a file can be read again.
      if (soon !== undefined) await Promise.race([soon, aborted]);
      if (Number.isFinite(ratePerSecond) && left > 0) await pause((count / ratePerSecond) * 1000);
    }
  } finally {
    // `gone` holds some only if a caller's function has thrown: then they are in both places.
    for (const { segment, index } of [...kept, ...gone]) queue.abandon(segment, index);
  }
  return { ...result, ...(isFull() && left > 0 && { tooManyStay: true }) };
}

/** What {@link move} would do now, without doing it. A full queue may still refuse. */
export async function rehearse(
  queue: Queue,
  depart: (message: Message) => Departure,
  { where, limit = Number.POSITIVE_INFINITY, onProgress, signal }: MoveOptions,
  pause: Pause,
): Promise<MoveResult> {
  const result = { moved: 0, passedOver: 0, unroutable: 0, refused: false };
  const total = queue.readyCount;
  const tell = () =>
    onProgress?.({
      ...result,
      total,
      examined: Math.min(total, result.moved + result.passedOver + result.unroutable),
    });
  tell();
  for (const log of queue.backlog.logs.toReversed()) {
    let next = 0;
    for (let examined = batchMax; examined === batchMax && result.moved < limit; await pause(0)) {
      if (signal?.aborted) return result;
      examined = 0;
      for (const { sequence, buffer, start, end, isReturned } of log.readyRecords(next)) {
        if (examined === batchMax || result.moved === limit) break;
        examined++;
        next = sequence + 1;
        if (where !== undefined && !where(describe(buffer, start, end, isReturned))) result.passedOver++;
        else if (depart(Message.fromRecord(buffer, start, end).copy()).route.isRouted) result.moved++;
        else result.unroutable++;
      }
      tell();
    }
  }
  return result;
}

function leaves(
  { segment, index, redelivered }: Taken,
  where: MoveOptions['where'],
  depart: (message: Message) => Departure,
  now: number,
  result: { passedOver: number; unroutable: number; refused: boolean },
): boolean {
  const { buffer, offsets } = segment.expectSlab();
  const [start = 0, end = 0] = [offsets[index], offsets[index + 1]];
  if (where !== undefined && !where(describe(buffer, start, end, redelivered))) {
    result.passedOver++;
    return false;
  }
  const { message, route } = depart(Message.fromRecord(buffer, start, end).copy());
  if (!route.isRouted) {
    result.unroutable++;
    return false;
  }
  if (message.scan.expirationEnd !== 0) message.expirationMs = expirationOf(message);
  const outcome = route.publish(message, now);
  result.refused = (outcome & PublishOutcome.Refused) !== 0;
  return !result.refused;
}

/**
 * The way back of a dead letter: to the queue that it died in last, by `x-death`, as it was published, without the
 * headers of its deaths. Nowhere, if it is no dead letter or that queue is gone.
 */
export function wayBack(vhost: VirtualHost, letter: Message): Departure {
  const headers = decodedHeaders(letter) ?? FieldTable.empty;
  const deaths = headers.get('x-death');
  const newest = deaths?.tag === 'A' ? deaths.value[0] : undefined;
  const death = newest?.tag === 'F' ? newest.value : undefined;
  const queue = vhost.findQueue(textOf(death?.get('queue')) ?? '');
  const keys = death?.get('routing-keys');
  const routingKey = keys?.tag === 'A' ? textOf(keys.value[0]) : undefined;
  const exchange = textOf(death?.get('exchange'));
  if (queue === undefined || routingKey === undefined || exchange === undefined)
    return { message: letter, route: Route.nowhere };
  const kept = deathHeaders.reduce((rest, header) => rest.without(header), headers);
  const properties = rewriteProperties(letter.frames, letter.propertiesStart, letter.propertiesEnd, {
    headers: kept.size === 0 ? undefined : kept,
  });
  const message = Message.of(exchange, routingKey, properties, letter.body);
  message.hasBlindCopies = letter.hasBlindCopies;
  return { message, route: Route.nowhere.to([queue]) };
}
