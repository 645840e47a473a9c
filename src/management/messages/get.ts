import type { Queue, Taken } from '../../broker/queues/queue.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { Slices } from '../../slices.ts';
import { type Api, act } from '../api.ts';
import { ApiError } from '../http/api-error.ts';
import type { Json } from '../http/columns.ts';
import type { Principal } from '../http/principal.ts';
import { messageView, type PayloadOptions } from './message-view.ts';

/** What becomes of messages that are looked at, in the words of RabbitMQ. */
export const ackModes = [
  'ack_requeue_true',
  'ack_requeue_false',
  'reject_requeue_true',
  'reject_requeue_false',
] as const;

/** What is to be got of a queue. */
export interface GetOptions extends PayloadOptions {
  /** At most so many; fewer when there are no more, or when they become too large to send together. */
  readonly count: number;
  readonly ackMode: (typeof ackModes)[number];
}

/** An answer ends after the message with which its payloads exceed this. */
const payloadBytesMax = 32 * 1024 * 1024;

/**
 * Takes messages from a queue, as basic.get would, and settles them all at the end.
 *
 * @throws ApiError, AmqpError
 */
export async function getMessages(
  api: Api,
  principal: Principal,
  vhostName: string,
  name: string,
  options: GetOptions,
): Promise<readonly Json[]> {
  const queue = await act(api, principal, vhostName, (vhost, actor) => {
    actor.require('read', 'queue', name);
    return vhost.queue(actor, name);
  }).catch(asNotFound);
  if (queue.type === 'quorum' && queue.singleActiveConsumer) {
    const what = 'basic.get operations are not supported by quorum queues with single active consumer';
    throw new AmqpError(ReplyCode.ResourceLocked, `cannot obtain access to locked queue '${name}'. ${what}`);
  }
  const taken: Taken[] = [];
  try {
    return await take(queue, options, taken);
  } finally {
    for (const each of taken) settle(queue, each, options);
  }
}

async function take(queue: Queue, options: GetOptions, taken: Taken[]): Promise<readonly Json[]> {
  const views: Json[] = [];
  const slices = new Slices();
  const { closedChannels: stats } = queue.vhost;
  let bytes = 0;
  while (views.length < options.count && bytes <= payloadBytesMax && !queue.isDeleted) {
    const next = queue.get(false);
    if (next === undefined) {
      const soon = queue.headSoon;
      if (soon !== undefined) {
        await soon;
        continue;
      }
      if (views.length === 0) stats.getEmpty++;
      break;
    }
    taken.push(next);
    stats.get++;
    if (next.redelivered) stats.redeliver++;
    const message = next.segment.message(next.index);
    bytes += Math.min(message.bodySize, options.truncate ?? message.bodySize);
    views.push({
      ...messageView(message, next.deliveryCount, options),
      redelivered: next.redelivered,
      message_count: queue.readyCount,
    });
    const pause = slices.next();
    if (pause !== undefined) await pause;
  }
  return views;
}

function settle(queue: Queue, { segment, index }: Taken, { ackMode }: GetOptions): void {
  if (ackMode === 'ack_requeue_false') {
    queue.vhost.closedChannels.ack++;
    queue.acknowledge(segment, index);
  } else if (ackMode === 'reject_requeue_false') {
    queue.reject(segment, index);
  } else if (queue.settings.retry !== undefined) {
    // To look at a message is no attempt.
    queue.abandon(segment, index);
  } else {
    queue.requeue(segment, index);
  }
}

/** RabbitMQ gives the whole reply text here. */
function asNotFound(error: unknown): never {
  if (error instanceof AmqpError && error.code === ReplyCode.NotFound) {
    throw new ApiError(404, 'not_found', error.replyText);
  }
  throw error;
}
