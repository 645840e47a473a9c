import { FieldTable } from '../../protocol/field-table.ts';
import { type Api, act } from '../api.ts';
import { badRequest } from '../http/api-error.ts';
import { Answer, type Route, route } from '../http/route.ts';
import { type Field, integer, object, oneOf, optional, text } from '../http/schema.ts';
import { ackModes, getMessages } from '../messages/get.ts';
import { messageProperties } from '../messages/properties.ts';
import { publish } from '../messages/publish.ts';
import { exchangeName } from './exchanges.ts';

const tag = 'Messages';

/** Messages put in and taken out by hand: for diagnosis, not for work. */
export function messageRoutes(api: Api): readonly Route[] {
  return [
    route('POST', {
      path: '/exchanges/{vhost}/{name}/publish',
      access: 'management',
      tag,
      summary: 'Publishes a message; the answer says whether it was routed to a queue',
      body: object({
        routing_key: text(),
        properties: messageProperties(),
        payload: payload(),
        payload_encoding: text('string (UTF-8) or base64'),
      }),
      answers: { 200: 'Published', 503: 'A resource alarm is in effect' },
      handle: async ({ parameters: { vhost, name }, body, principal }) => {
        const { routing_key: routingKey, properties } = body;
        const message = {
          exchange: exchangeName(name),
          routingKey,
          properties,
          body: decoded(body.payload, body.payload_encoding),
        };
        return { routed: await publish(api, principal, vhost, message) };
      },
    }),
    route('POST', {
      path: '/queues/{vhost}/{name}/get',
      access: 'management',
      tag,
      summary: 'Takes messages from a queue; with requeue they go back, marked redelivered',
      body: object({
        count: integer('At most so many messages; a negative number stands for as many as there are.'),
        ackmode: oneOf(ackModes, 'What becomes of the messages.'),
        encoding: text('auto (text if it is UTF-8) or base64'),
        truncate: optional(integer('Bytes of each payload to return.', { minimum: 0 })),
      }),
      answers: { 200: 'The messages' },
      handle: ({ parameters: { vhost, name }, body, principal }) => {
        const { count, ackmode: ackMode, encoding, truncate } = body;
        if (encoding !== 'auto' && encoding !== 'base64') {
          throw badRequest('Unsupported encoding. Please use auto or base64.');
        }
        const options = {
          count: count < 0 ? Number.MAX_SAFE_INTEGER : count,
          ackMode,
          encoding,
          truncate,
        } as const;
        return getMessages(api, principal, vhost, name, options);
      },
    }),
    route('GET', {
      path: '/aliveness-test/{vhost}',
      access: 'management',
      tag: 'Health',
      summary: 'A virtual host takes a message into a queue and gives it back',
      answers: { 200: 'It does', 503: 'It does not' },
      handle: async ({ parameters: { vhost }, principal }) => {
        const name = 'aliveness-test';
        const declaration = { name, passive: false, durable: false, exclusive: false, autoDelete: false };
        await act(api, principal, vhost, (host, actor) =>
          host.declareQueue(actor, { ...declaration, arguments: FieldTable.empty }),
        );
        const message = { exchange: '', routingKey: name, properties: {}, body: Buffer.from('test_message') };
        await publish(api, principal, vhost, message);
        const options = {
          count: 1,
          ackMode: 'ack_requeue_false',
          encoding: 'auto',
          truncate: undefined,
        } as const;
        const found = await getMessages(api, principal, vhost, name, options);
        return found.length === 1
          ? { status: 'ok' }
          : new Answer(503, { status: 'failed', reason: 'the message is gone' });
      },
    }),
  ];
}

function payload(): Field<string> {
  return {
    schema: { type: 'string' },
    isOptional: false,
    read: (value) => {
      if (typeof value === 'string') return value;
      throw badRequest('payload_not_string', "'payload' has to be a string; encode bytes as base64.");
    },
  };
}

function decoded(given: string, encoding: string): Buffer {
  if (encoding === 'string') return Buffer.from(given);
  if (encoding !== 'base64') {
    throw badRequest(['unsupported_encoding', encoding], "'payload_encoding' is string or base64.");
  }
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(given) || given.replace(/=+$/, '').length % 4 === 1) {
    throw badRequest(['not_base64', given.slice(0, shownMax)], "'payload' is not valid base64.");
  }
  return Buffer.from(given, 'base64');
}

/** How much of a payload an error repeats. */
const shownMax = 100;
