import type { Actor } from '../../broker/actor.ts';
import type { Tap } from '../../broker/taps/taps.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import { type Api, act } from '../api.ts';
import { ApiError, objectNotFound } from '../http/api-error.ts';
import { LineStream } from '../http/line-stream.ts';
import type { Principal } from '../http/principal.ts';
import { type Route, route } from '../http/route.ts';
import { integer, orElse, type ValuesOf } from '../http/schema.ts';
import { filterOf, messageFilter } from '../messages/filter.ts';
import { Tail } from '../messages/tail.ts';
import { exchangeName } from './exchanges.ts';

const tag = 'Queue tools';
/** All that are open at the same time: each may hold a MiB and take a tenth of a core. */
const tailsMax = 64;
const truncateDefault = 64 * 1024;
const truncateMax = 1024 * 1024;

const { enqueued_before: _, ...passingFilter } = messageFilter;
const tailQuery = {
  ...passingFilter,
  truncate: orElse(
    integer('Bytes of each payload to return, and for `payload` to look at.', {
      minimum: 0,
      maximum: truncateMax,
    }),
    truncateDefault,
  ),
};

type Watch = (vhost: VirtualHost, actor: Actor) => (tap: Tap) => () => void;

/** Messages as they pass by, for somebody who watches: nobody else notices. */
export function tailRoutes(api: Api): readonly Route[] {
  const open = new Set<Tail>();
  const follow = async (
    principal: Principal,
    vhost: string,
    query: ValuesOf<typeof tailQuery>,
    watch: Watch,
  ): Promise<LineStream> => {
    const where = filterOf({ ...query, enqueued_before: undefined });
    const begin = await act(api, principal, vhost, watch);
    if (open.size >= tailsMax) {
      const reason = `${tailsMax} tails are open already`;
      throw new ApiError(503, 'service_unavailable', reason, 'Close one of them first.');
    }
    const tail = new Tail({ truncate: query.truncate, where });
    open.add(tail);
    tail.once('close', () => open.delete(tail));
    tail.begin(begin);
    return new LineStream(tail);
  };
  const shared = {
    access: 'management',
    tag,
    isExtension: true,
    query: tailQuery,
    contentTypes: [LineStream.contentType],
    answers: {
      200: 'A JSON object a line: messages; `{"missed"}`: so many could not be shown; `{"ended"}`: it is deleted',
      503: 'Too many are watching',
    },
  } as const;
  return [
    route('GET', {
      ...shared,
      path: '/queues/{vhost}/{name}/tail',
      summary: 'Follows the messages that come to a queue, whoever consumes them',
      handle: ({ parameters: { vhost, name }, query, principal }) =>
        follow(principal, vhost, query, (host, actor) => {
          actor.require('read', 'queue', name);
          const queue = host.findQueue(name);
          if (queue === undefined) throw objectNotFound();
          return (tap) => queue.watch(tap);
        }),
    }),
    route('GET', {
      ...shared,
      path: '/exchanges/{vhost}/{name}/tail',
      summary: 'Follows the messages that an exchange routes, to wherever and be it nowhere',
      handle: ({ parameters: { vhost, name }, query, principal }) =>
        follow(principal, vhost, query, (host, actor) => {
          actor.require('read', 'exchange', exchangeName(name));
          const exchange = host.findExchange(exchangeName(name));
          if (exchange === undefined) throw objectNotFound();
          // As if a queue were bound for everything.
          actor.requireTopic('read', exchange, '#');
          return (tap) => host.watchExchange(exchange, tap);
        }),
    }),
  ];
}
