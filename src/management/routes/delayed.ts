import { type DelayControl, type DelayPlace, delayControl } from '../../delay-control.ts';
import type { Api } from '../api.ts';
import { objectNotFound } from '../http/api-error.ts';
import { noContent, type Route, route } from '../http/route.ts';
import { integer, optional, text } from '../http/schema.ts';
import { payloadView } from '../messages/message-view.ts';
import { propertiesView } from '../messages/properties.ts';
import { exchangeName, expectExchange } from './exchanges.ts';
import { expectQueue } from './queues.ts';

const tag = 'Delayed messages';
const pageMax = 500;

/** Messages that wait for their time: in a delayed exchange, or for a queue that tries again. */
export function delayedRoutes(api: Api): readonly Route[] {
  const control = delayControl(api.broker);
  return [
    ...routesOf(control, '/delayed/{vhost}/exchanges/{name}', 'an exchange', (vhost, name) => {
      expectExchange(api, vhost, name);
      return { vhost, exchange: exchangeName(name) };
    }),
    ...routesOf(control, '/delayed/{vhost}/queues/{name}', 'a queue', (vhost, name) => {
      expectQueue(api, vhost, name);
      return { vhost, queue: name };
    }),
  ];
}

function routesOf(
  control: DelayControl,
  path: '/delayed/{vhost}/exchanges/{name}' | '/delayed/{vhost}/queues/{name}',
  where: string,
  placeOf: (vhost: string, name: string) => DelayPlace,
): readonly Route[] {
  const one = `${path}/{id}` as const;
  return [
    route('GET', {
      path,
      access: 'policymaker',
      tag,
      isExtension: true,
      summary: `Messages that wait in ${where}, in the order in which they are due`,
      query: {
        after: optional(text('Id of the last message of the page before.')),
        limit: optional(integer('Messages on a page.', { minimum: 1, maximum: pageMax })),
        truncate: optional(integer('Bytes of each payload to return.', { minimum: 0 })),
      },
      handle: ({ parameters: { vhost, name }, query: { after, limit = pageMax, truncate } }) => {
        const place = placeOf(vhost, name);
        const messages = control.listDelayed(place, { limit, ...(after !== undefined && { after }) });
        return {
          total_count: control.countDelayed(place),
          items: messages.map(({ id, dueAt, exchange, routingKey, properties, body }) => ({
            id,
            due_at: dueAt,
            exchange,
            routing_key: routingKey,
            payload_bytes: body.length,
            properties: propertiesView(properties),
            ...payloadView(body, { encoding: 'auto', truncate }),
          })),
        };
      },
    }),
    route('DELETE', {
      path: one,
      access: 'policymaker',
      tag,
      isExtension: true,
      summary: `Takes a message that waits in ${where} out for good`,
      handle: async ({ parameters: { vhost, name, id } }) => {
        if (!(await control.cancelDelayed(placeOf(vhost, name), id))) throw objectNotFound();
        return noContent;
      },
    }),
  ];
}
