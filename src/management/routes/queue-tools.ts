import type { MoveOptions, MoveResult } from '../../broker/queues/move.ts';
import { messageControl } from '../../control/message-control.ts';
import { MissingTargetError } from '../../control/missing-target-error.ts';
import { type Api, act } from '../api.ts';
import { ApiError, badRequest } from '../http/api-error.ts';
import { LineStream } from '../http/line-stream.ts';
import type { Principal } from '../http/principal.ts';
import { noContent, type Route, route } from '../http/route.ts';
import { bool, dictionary, integer, object, optional, orElse, text, type ValuesOf } from '../http/schema.ts';
import { filterOf, messageFilter } from '../messages/filter.ts';
import { payloadView } from '../messages/message-view.ts';
import { MoveLines } from '../messages/move-progress.ts';
import { propertiesView } from '../messages/properties.ts';
import { exchangeName } from './exchanges.ts';
import { expectQueue } from './queues.ts';

const tag = 'Queue tools';
const pageMax = 1000;

/** With `progress`, the second. */
const moveContentTypes = ['application/json', LineStream.contentType];

const moveOptions = {
  ...messageFilter,
  limit: optional(integer('At most so many messages.', { minimum: 1 })),
  rate: optional(integer('At most so many a second.', { minimum: 1 })),
  dry_run: orElse(bool('Only tells what would be moved.'), false),
  progress: orElse(
    bool('Answers with lines while it goes on, the last one `done`. It ends early when the client goes.'),
    false,
  ),
};

/** What operators need and RabbitMQ has not: to look without touching, to move, to replay, to change. */
export function queueToolRoutes(api: Api): readonly Route[] {
  const control = messageControl(api.broker);
  const extension = { access: 'management', tag, isExtension: true } as const;
  /** What is read from a queue and written elsewhere needs both permissions. */
  const require = (principal: Principal, vhost: string, queue: string, exchange: string | undefined) =>
    act(api, principal, vhost, (_host, actor) => {
      actor.require('read', 'queue', queue);
      if (exchange !== undefined) actor.require('write', 'exchange', exchange);
    });
  return [
    route('GET', {
      ...extension,
      path: '/queues/{vhost}/{name}/peek',
      summary: 'Shows ready messages, which stay as they are: neither taken nor marked redelivered',
      query: {
        ...messageFilter,
        from: optional(text("'next' of the page before.")),
        limit: orElse(integer('Messages on a page.', { minimum: 1, maximum: pageMax }), 100),
        truncate: optional(integer('Bytes of each payload to return.', { minimum: 0 })),
      },
      answers: { 200: 'A page; without `next` it is the last one' },
      handle: async ({ parameters: { vhost, name }, query, principal }) => {
        await require(principal, vhost, name, undefined);
        expectQueue(api, vhost, name);
        const { from, limit, truncate } = query;
        const where = filterOf(query);
        const options = { ...(from !== undefined && { from }), ...(where !== undefined && { where }) };
        const page = told(() => control.peekMessages({ vhost, queue: name, limit, ...options }));
        return {
          items: page.messages.map(({ exchange, routingKey, properties, body, enqueuedAt, redelivered }) => ({
            exchange,
            routing_key: routingKey,
            redelivered,
            enqueued_at: enqueuedAt,
            payload_bytes: body.length,
            properties: propertiesView(properties),
            ...payloadView(body, { encoding: 'auto', truncate }),
          })),
          ...(page.next !== undefined && { next: page.next }),
        };
      },
    }),
    route('POST', {
      ...extension,
      path: '/queues/{vhost}/{name}/move',
      contentTypes: moveContentTypes,
      summary: 'Moves ready messages to a queue, or through an exchange by their routing keys',
      body: object({
        ...moveOptions,
        to_queue: optional(text('The queue that they go to.')),
        to_exchange: optional(text('Or the exchange that routes them.')),
      }),
      answers: {
        200: 'How many were moved, passed over, and found no queue; with `progress` one such object a line',
      },
      handle: async ({ parameters: { vhost, name }, body, principal }) => {
        const { to_queue: queue, to_exchange: exchange } = body;
        if ((queue === undefined) === (exchange === undefined)) {
          throw badRequest("say either 'to_queue' or 'to_exchange'");
        }
        const to = queue === undefined ? { exchange: exchangeName(exchange ?? '') } : { queue };
        await require(principal, vhost, name, 'exchange' in to ? to.exchange : '');
        expectQueue(api, vhost, name);
        return moved(body, (options) => control.moveMessages({ vhost, queue: name, to, ...options }));
      },
    }),
    route('POST', {
      ...extension,
      path: '/queues/{vhost}/{name}/replay',
      contentTypes: moveContentTypes,
      summary: 'Moves dead letters back to the queues that they died in, by x-death',
      body: object(moveOptions),
      answers: {
        200: 'How many were moved, passed over, and found no queue; with `progress` one such object a line',
      },
      handle: async ({ parameters: { vhost, name }, body, principal }) => {
        await require(principal, vhost, name, '');
        expectQueue(api, vhost, name);
        return moved(body, (options) => control.replayDeadLetters({ vhost, queue: name, ...options }));
      },
    }),
    route('PUT', {
      ...extension,
      path: '/queues/{vhost}/{name}/arguments',
      summary: 'Gives a queue other arguments in place of all it has; its messages stay',
      body: object({ arguments: dictionary('As in queue.declare.') }),
      handle: async ({ parameters: { vhost, name }, body, principal }) => {
        await act(api, principal, vhost, (_host, actor) => actor.require('configure', 'queue', name));
        expectQueue(api, vhost, name);
        const entries = Object.entries(body.arguments).map(([key, value]) => {
          if (typeof value === 'object')
            throw badRequest(`'${key}' has to be a string, a number, true or false`);
          return [key, value] as const;
        });
        const all = Object.fromEntries(entries);
        await control.changeQueueArguments({ vhost, queue: name, arguments: all }).catch(asTold);
        return noContent;
      },
    }),
  ];
}

type MoveBody = ValuesOf<typeof moveOptions>;

/** Carries out a move, and answers when it is over or while it goes on. */
async function moved(
  body: MoveBody,
  run: (options: MoveOptions) => Promise<MoveResult>,
): Promise<object | LineStream> {
  const { limit, rate: ratePerSecond, dry_run: dryRun } = body;
  const options = { limit, ratePerSecond, dryRun, where: filterOf(body) };
  if (!body.progress) return counts(await run(options).catch(asTold));
  const lines = await MoveLines.of(
    (onProgress, signal) => run({ ...options, onProgress, signal }),
    (line) => ({ done: line.done, total: line.total, examined: line.examined, ...counts(line) }),
    (error) => ({ error: error instanceof Error ? error.message : String(error) }),
  ).catch(asTold);
  return new LineStream(lines);
}

function counts({ moved, passedOver: passed_over, unroutable, refused, tooManyStay }: MoveResult) {
  return { moved, passed_over, unroutable, refused, ...(tooManyStay && { too_many_stay: true }) };
}

/** What the tools have against a request, they say in a plain Error. */
function told<Result>(operation: () => Result): Result {
  try {
    return operation();
  } catch (error) {
    return asTold(error);
  }
}

function asTold(error: unknown): never {
  if (error instanceof MissingTargetError) throw new ApiError(400, 'target_not_found', error.message);
  if (error instanceof Error && error.constructor === Error) throw badRequest(error.message);
  throw error;
}
