import type { DelayLine } from '../../broker/delays/delay-line.ts';
import { recordMessage } from '../../broker/delays/delayed-record.ts';
import type { ResourceKind } from '../../broker/names.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import { Slices } from '../../slices.ts';
import { type Api, act } from '../api.ts';
import { objectNotFound } from '../http/api-error.ts';
import type { Json } from '../http/columns.ts';
import { noContent, type Route, route } from '../http/route.ts';
import { integer, optional, text } from '../http/schema.ts';
import { messageView } from '../messages/message-view.ts';
import { exchangeName } from './exchanges.ts';

const tag = 'Delayed messages';
const listedDefault = 100;
const listedMax = 1000;
/** Payloads of an answer, together; one may be larger. */
const listedBytesMax = 16 * 2 ** 20;
/** Messages that are read together, and the bytes of them. */
const readMax = 32;
const readBytesMax = 2 ** 20;

/** Messages that wait in an x-delayed-message exchange, or for another attempt of a queue. */
export function delayedRoutes(api: Api): readonly Route[] {
  return [
    ...routesOf(api, 'exchange', '/exchanges/{vhost}/{name}'),
    ...routesOf(api, 'queue', '/queues/{vhost}/{name}'),
  ];
}

function routesOf<Path extends '/exchanges/{vhost}/{name}' | '/queues/{vhost}/{name}'>(
  api: Api,
  kind: ResourceKind,
  path: Path,
): readonly Route[] {
  return [
    route('GET', {
      path: `${path}/delayed`,
      access: 'management',
      tag,
      summary: 'Lists messages that wait for their time, in the order in which they are due',
      isExtension: true,
      query: {
        after: optional(text('Id of the last message of the list before this one.')),
        limit: optional(integer(`Default ${listedDefault}.`, { minimum: 1, maximum: listedMax })),
        truncate: optional(integer('Bytes of each payload to return.', { minimum: 0 })),
      },
      answers: { 200: 'The messages; none: there are no more' },
      handle: async ({ parameters: { vhost, name }, query, principal }) => {
        const line = await act(api, principal, vhost, (host, actor) => {
          actor.require('read', kind, name);
          return lineOf(host, kind, name);
        });
        return line === undefined ? [] : listed(line, query);
      },
    }),
    route('DELETE', {
      path: `${path}/delayed/{id}`,
      access: 'management',
      tag,
      summary: 'Cancels a message that waits: it is neither routed nor dead-lettered',
      isExtension: true,
      answers: { 204: 'It is gone for good', 404: 'It is not there, or not any more' },
      handle: async ({ parameters: { vhost, name, id }, principal }) => {
        const isCancelled = await act(api, principal, vhost, (host, actor) => {
          actor.require('configure', kind, name);
          return lineOf(host, kind, name)?.cancel(id) ?? false;
        });
        if (!isCancelled) throw objectNotFound();
        await api.broker.committer.flush();
        return noContent;
      },
    }),
  ];
}

interface Range {
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
  readonly truncate?: number | undefined;
}

/** Some messages at a time: they may have to be read from the disk. */
async function listed(line: DelayLine, { after, limit = listedDefault, truncate }: Range): Promise<Json[]> {
  const views: Json[] = [];
  const slices = new Slices(1);
  let bytesLeft = listedBytesMax;
  for (let last = after; views.length < limit && bytesLeft > 0; ) {
    const rowsMax = Math.min(readMax, limit - views.length);
    const messages = line.list(last, rowsMax, Math.min(readBytesMax, bytesLeft));
    if (messages.length === 0) break;
    for (const { id, dueAt, record } of messages) {
      const view = messageView(recordMessage(record), undefined, { encoding: 'auto', truncate });
      views.push({ id, due_at: dueAt, ...view });
      bytesLeft -= record.length;
      last = id;
    }
    await slices.next();
  }
  return views;
}

/** @throws ApiError 404 */
function lineOf(vhost: VirtualHost, kind: ResourceKind, name: string): DelayLine | undefined {
  const owner = kind === 'exchange' ? vhost.findExchange(exchangeName(name)) : vhost.findQueue(name);
  if (owner === undefined) throw objectNotFound();
  return owner.delayed;
}
