import { setTimeout as pause } from 'node:timers/promises';
import type { Broker } from '../broker/broker.ts';
import type { Message } from '../broker/message.ts';
import { defaultVirtualHost } from '../broker/names.ts';
import {
  type Departure,
  type MoveOptions,
  type MoveResult,
  move,
  rehearse,
  wayBack,
} from '../broker/queues/move.ts';
import { peek, type QueuedMessage, type QueuePage } from '../broker/queues/peek.ts';
import type { Queue } from '../broker/queues/queue.ts';
import type { Exchange } from '../broker/routing/exchange.ts';
import { Route } from '../broker/routing/route.ts';
import type { VirtualHost } from '../broker/virtual-host.ts';
import { tableFrom } from '../protocol/plain-value.ts';
import { type TailEvent, type TailOptions, tail } from './message-tail.ts';
import { MissingTargetError } from './missing-target-error.ts';

const pageDefault = 100;
const pageMax = 1000;

/** Which ready messages of a queue are looked at. */
export interface PeekRequest {
  /** Default: `/`. */
  readonly vhost?: string;
  readonly queue: string;
  /** `next` of the page before. Default: from the head of the queue. */
  readonly from?: string;
  /** Messages on a page, 1000 at most. Default: 100. */
  readonly limit?: number;
  readonly where?: (message: QueuedMessage) => boolean;
}

/** What is moved from where to where. */
export interface MoveRequest extends MoveOptions {
  /** Default: `/`. */
  readonly vhost?: string;
  /** The queue that they leave. */
  readonly queue: string;
  /** A queue, or an exchange that routes them by their routing keys. */
  readonly to: { readonly queue: string } | { readonly exchange: string };
}

/** Which dead letters go back to the queues they died in. */
export interface ReplayRequest extends MoveOptions {
  /** Default: `/`. */
  readonly vhost?: string;
  /** The queue with the dead letters. */
  readonly queue: string;
}

/** A queue, or an exchange: what it routes, to wherever and be it nowhere. */
export type TailRequest = TailOptions & {
  /** Default: `/`. */
  readonly vhost?: string;
} & ({ readonly queue: string } | { readonly exchange: string });

/** Other arguments for a queue. */
export interface ChangeRequest {
  /** Default: `/`. */
  readonly vhost?: string;
  readonly queue: string;
  /** As in queue.declare: `{ 'x-max-length': 1000 }`. What it was declared with and is to stay has to be here too. */
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
}

/**
 * What operators do with queues and the messages in them. Messages are not looked at in streams, which have consumers
 * for that. Everything throws, or rejects with, an Error that says what is wrong.
 */
export interface MessageControl {
  /** Ready messages of a queue, in order: they stay as they are, and nobody notices. */
  peekMessages(request: PeekRequest): QueuePage;
  /**
   * Messages that come to a queue or an exchange from now on, whoever consumes them; nobody notices. It ends with the
   * loop over it, with `signal`, or when queue or exchange is deleted. For who is slow 500 messages are kept, 1 MiB.
   */
  tailMessages(request: TailRequest): AsyncIterable<TailEvent>;
  /**
   * Moves the ready messages that are there when it begins. A message leaves its queue when it is on disk where it
   * goes, never before. Those that are passed over keep their places, marked redelivered; a million of them end it.
   */
  moveMessages(request: MoveRequest): Promise<MoveResult>;
  /**
   * Moves dead letters back to the queues that they died in last, as they were published and without the headers of
   * their deaths. For the rest see {@link moveMessages}.
   */
  replayDeadLetters(request: ReplayRequest): Promise<MoveResult>;
  /**
   * Gives a queue other arguments in place of all it has: limits, times to live, dead-lettering, retries. They hold
   * at once and are on disk when the promise resolves; messages that are there keep their times to live.
   */
  changeQueueArguments(request: ChangeRequest): Promise<void>;
}

/** Messages in the queues of this broker. */
export function messageControl(broker: Broker): MessageControl {
  const find = (vhostName = defaultVirtualHost, queueName = ''): { vhost: VirtualHost; queue: Queue } => {
    const vhost = broker.vhost(vhostName);
    if (vhost === undefined) throw new Error(`vhost '${vhostName}' not found`);
    const queue = vhost.findQueue(queueName);
    if (queue === undefined) throw new Error(`no queue '${queueName}' in vhost '${vhostName}'`);
    if (queue.type === 'stream') throw new Error(`queue '${queueName}' is a stream: read it with a consumer`);
    return { vhost, queue };
  };
  return {
    peekMessages: ({ vhost, queue, from, limit = pageDefault, where }) =>
      peek(find(vhost, queue).queue, { from, where, limit: Math.max(1, Math.min(limit, pageMax)) }),
    tailMessages: ({ vhost: vhostName = defaultVirtualHost, ...request }) => {
      const vhost = broker.vhost(vhostName);
      if (vhost === undefined) throw new Error(`vhost '${vhostName}' not found`);
      const target = destination(vhost, 'queue' in request ? request : { exchange: request.exchange });
      return tail(
        (tap) => ('queue' in target ? target.queue.watch(tap) : vhost.watchExchange(target.exchange, tap)),
        request,
      );
    },
    moveMessages: async ({ vhost: vhostName, queue: name, to, ...options }) => {
      const { vhost, queue } = find(vhostName, name);
      if ('queue' in to && to.queue === name) throw new Error(`'${name}' is where the messages are`);
      destination(vhost, to);
      return carryOut(queue, (message) => departure(vhost, to, message), options);
    },
    replayDeadLetters: async ({ vhost: vhostName, queue: name, ...options }) => {
      const { vhost, queue } = find(vhostName, name);
      return carryOut(queue, (letter) => wayBack(vhost, letter), options);
    },
    changeQueueArguments: async ({ vhost: vhostName = defaultVirtualHost, queue: name, arguments: all }) => {
      const vhost = broker.vhost(vhostName);
      const queue = vhost?.findQueue(name);
      if (vhost === undefined || queue === undefined)
        throw new Error(`no queue '${name}' in vhost '${vhostName}'`);
      vhost.changeQueueArguments(queue, tableFrom(all));
      await broker.committer.flush();
    },
  };
}

function carryOut(
  queue: Queue,
  depart: (message: Message) => Departure,
  options: MoveOptions,
): Promise<MoveResult> {
  if (options.dryRun === true) return rehearse(queue, depart, options, pause);
  checkFilter(queue, options);
  return move(queue, depart, options, pause);
}

/** Messages that are passed over count as given back, and with a limit on that they might be lost. */
function checkFilter({ name, settings }: Queue, { where }: MoveOptions): void {
  if (where === undefined || settings.deliveryLimit === undefined) return;
  throw new Error(`queue '${name}' has a delivery limit: its messages cannot be chosen by a filter`);
}

function departure(vhost: VirtualHost, to: MoveRequest['to'], message: Message): Departure {
  const target = destination(vhost, to);
  const route = 'queue' in target ? Route.nowhere.to([target.queue]) : vhost.route(target.exchange, message);
  return { message, route };
}

/** @throws MissingTargetError */
function destination(
  vhost: VirtualHost,
  to: MoveRequest['to'],
): { readonly queue: Queue } | { readonly exchange: Exchange } {
  if ('queue' in to) {
    const queue = vhost.findQueue(to.queue);
    if (queue === undefined) throw new MissingTargetError('queue', to.queue, vhost.name);
    return { queue };
  }
  const exchange = vhost.findExchange(to.exchange);
  if (exchange === undefined) throw new MissingTargetError('exchange', to.exchange, vhost.name);
  return { exchange };
}
