/**
 * Requests and what RabbitMQ 3.10.8's management plugin answers: status, error and reason. One after the other, as
 * later ones build on earlier ones.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configureLeveret } from '../harness/broker.ts';
import { type Method, managementAvailable, request } from './api.ts';

configureLeveret({ managementPort: 0 });

/** Method and path below /api/, body, status, and the body of the answer, or the reason if it is an error. */
type Step = readonly [call: string, body: unknown, status: number, answer?: unknown];

const notFound = { error: 'Object Not Found', reason: 'Not Found' };
const refused = { error: 'not_authorised', reason: 'Access refused.' };
const bad = (reason: unknown) => ({ error: 'bad_request', reason });
const missing = (reason: string) => ({ error: 'not_found', reason });

const chapters: Readonly<Record<string, readonly Step[]>> = {
  queues: [
    ['PUT queues/http/q', {}, 201],
    ['PUT queues/http/q', {}, 204],
    ['PUT queues/http/q', { durable: false }, 204],
    ['PUT queues/http/q', { durable: true }, 400],
    ['PUT queues/http/q', { durable: 'x' }, 400, bad(['not_boolean', 'x'])],
    ['PUT queues/http/text', { durable: 'true', auto_delete: 'false' }, 201],
    ['PUT queues/http/r', { arguments: { 'x-max-length': 'x' } }, 400],
    ['PUT queues/http/r', { arguments: { a: null } }, 400, bad('null_not_allowed')],
    ['PUT queues/http/r', 'not json', 400, bad('not_json')],
    ['PUT queues/http/r', '[]', 400, bad('not_json')],
    [
      'PUT queues/http/r',
      '"x"',
      400,
      bad('invalid payload: the request body JSON-decoded to a string. Is the input doubly-JSON-encoded?'),
    ],
    ['PUT queues/nope/q', {}, 404, missing('vhost_not_found')],
    ['PUT queues/http/amq.x', {}, 401, refused],
    ['GET queues/http/nope', undefined, 404, notFound],
    ['GET queues/nope', undefined, 404, notFound],
    ['DELETE queues/http/nope', undefined, 404, notFound],
    ['DELETE queues/http/nope/contents', undefined, 404, notFound],
    ['DELETE queues/http/q/contents', undefined, 204],
    ['POST queues/http/q/actions', { action: 'sync' }, 204],
    ['POST queues/http/q/actions', { action: 'x' }, 400, bad(['unknown', 'x'])],
    ['POST queues/http/q/actions', {}, 400, bad('[{key_missing,action}]')],
    ['PUT queues/http/quorum', { durable: true, arguments: { 'x-queue-type': 'quorum' } }, 201],
    ['DELETE queues/http/quorum?if-unused=true', undefined, 400],
    ['DELETE queues/http/quorum', undefined, 204],
  ],
  exchanges: [
    ['PUT exchanges/http/e', {}, 201],
    ['PUT exchanges/http/e', { type: 'direct' }, 204],
    [
      'PUT exchanges/http/e',
      { type: 'topic' },
      400,
      bad(
        "inequivalent arg 'type' for exchange 'e' in vhost 'http': received 'topic' but current is 'direct'",
      ),
    ],
    // `unknown` or `invalid exchange type`: RabbitMQ's words depend on what else it has met.
    ['PUT exchanges/http/f', { type: 'nope' }, 400],
    ['PUT exchanges/http/amq.mine', { type: 'topic' }, 401, refused],
    ['PUT exchanges/http/amq.default', { type: 'direct' }, 401, refused],
    ['DELETE exchanges/http/amq.direct', undefined, 401, refused],
    ['DELETE exchanges/http/nope', undefined, 404, notFound],
    ['GET exchanges/http/nope', undefined, 404, notFound],
    ['GET exchanges/http/amq.default?columns=name,type', undefined, 200, { name: '', type: 'direct' }],
    ['GET exchanges/http/nope/bindings/source', undefined, 200, []],
  ],
  bindings: [
    ['POST bindings/http/e/e/q/q', { routing_key: 'a b/c~d' }, 201],
    ['POST bindings/http/e/e/q/q', {}, 201],
    ['POST bindings/http/e/e/q/q', undefined, 201],
    ['DELETE bindings/http/e/e/q/q/~', undefined, 204],
    ['GET bindings/http/e/e/q/q/~', undefined, 404, notFound],
    ['GET bindings/http/e/e/q/q/a%2Bb%252Fc%257Ed?columns=routing_key', undefined, 200],
    ['DELETE bindings/http/e/e/q/q/a%2Bb%252Fc%257Ed', undefined, 204],
    ['DELETE bindings/http/e/e/q/q/nope', undefined, 404, notFound],
    ['POST bindings/http/e/e/q/nope', {}, 404, missing("no queue 'nope' in vhost 'http'")],
    ['POST bindings/http/e/nope/q/q', {}, 404, missing("no exchange 'nope' in vhost 'http'")],
    ['POST bindings/http/e/amq.default/q/q', {}, 401, refused],
    ['POST bindings/http/e/e/e/amq.fanout', { routing_key: 'k' }, 201],
    ['DELETE exchanges/http/e?if-unused=true', undefined, 400, bad("exchange 'e' in vhost 'http' in use")],
    ['DELETE bindings/http/e/e/e/amq.fanout/k', undefined, 204],
    ['GET bindings/http/e/nope/q/q', undefined, 200, []],
    ['POST bindings/nope/e/e/q/q', {}, 404, missing('vhost_not_found')],
  ],
  messages: [
    ['POST exchanges/http/amq.default/publish', message(), 200, { routed: true }],
    ['POST exchanges/http/amq.default/publish', message({ routing_key: 'nope' }), 200, { routed: false }],
    [
      'POST exchanges/http/nope/publish',
      message(),
      400,
      bad("404 NOT_FOUND - no exchange 'nope' in vhost 'http'"),
    ],
    [
      'POST exchanges/http/amq.default/publish',
      message({ properties: { expiration: 5 } }),
      400,
      bad(['not_string', 'expiration']),
    ],
    [
      'POST exchanges/http/amq.default/publish',
      message({ properties: { priority: 'x' } }),
      400,
      bad(['not_int', 'priority']),
    ],
    [
      'POST exchanges/http/amq.default/publish',
      message({ properties: { user_id: 'somebody' } }),
      400,
      bad("406 PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was 'guest'"),
    ],
    [
      'POST exchanges/http/amq.default/publish',
      { routing_key: 'q', properties: {}, payload: 'x' },
      400,
      bad('[{key_missing,payload_encoding}]'),
    ],
    [
      'POST exchanges/http/amq.default/publish',
      message({ payload: 'a!', payload_encoding: 'base64' }),
      400,
      bad(['not_base64', 'a!']),
    ],
    [
      'POST exchanges/http/amq.default/publish',
      message({ payload_encoding: 'x' }),
      400,
      bad(['unsupported_encoding', 'x']),
    ],
    ['POST exchanges/http/amq.default/publish', message({ payload: 5 }), 400, bad('payload_not_string')],
    [
      'POST exchanges/http/amq.default/publish',
      message({
        payload: '/wA=',
        payload_encoding: 'base64',
        properties: { delivery_mode: 2, headers: { a: 1 } },
      }),
      200,
      { routed: true },
    ],
    [
      'POST queues/http/q/get',
      { count: 5, ackmode: 'ack_requeue_true', encoding: 'auto' },
      200,
      [
        {
          payload_bytes: 5,
          redelivered: false,
          exchange: '',
          routing_key: 'q',
          message_count: 1,
          properties: [],
          payload: 'hello',
          payload_encoding: 'string',
        },
        {
          payload_bytes: 2,
          redelivered: false,
          exchange: '',
          routing_key: 'q',
          message_count: 0,
          properties: { delivery_mode: 2, headers: { a: 1 } },
          payload: '/wA=',
          payload_encoding: 'base64',
        },
      ],
    ],
    [
      'POST queues/http/q/get',
      { count: 1, ackmode: 'reject_requeue_true', encoding: 'base64', truncate: 3 },
      200,
      [
        {
          payload_bytes: 5,
          redelivered: true,
          exchange: '',
          routing_key: 'q',
          message_count: 1,
          properties: [],
          payload: 'aGVs',
          payload_encoding: 'base64',
        },
      ],
    ],
    [
      'POST queues/http/q/get',
      { count: 1, ackmode: 'ack_requeue_false', encoding: 'x' },
      400,
      bad('Unsupported encoding. Please use auto or base64.'),
    ],
    [
      'POST queues/http/q/get',
      { count: 'x', ackmode: 'ack_requeue_false', encoding: 'auto' },
      400,
      bad(['not_integer', 'x']),
    ],
    ['POST queues/http/q/get', { count: 1, encoding: 'auto' }, 400, bad('[{key_missing,ackmode}]')],
    [
      'POST queues/http/nope/get',
      { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' },
      404,
      missing("NOT_FOUND - no queue 'nope' in vhost 'http'"),
    ],
    ['DELETE queues/http/q?if-empty=true', undefined, 400, bad("queue 'q' in vhost 'http' not empty")],
    ['GET aliveness-test/http', undefined, 200, { status: 'ok' }],
    ['GET aliveness-test/nope', undefined, 404, notFound],
  ],
  'virtual hosts': [
    ['PUT vhosts/http-2', undefined, 201],
    ['PUT vhosts/http-2', { description: 'd', tags: 'a,b', tracing: true }, 204],
    [
      'GET vhosts/http-2?columns=name,description,tags,tracing',
      undefined,
      200,
      { name: 'http-2', description: 'd', tags: ['a', 'b'], tracing: true },
    ],
    ['PUT vhosts/http-2', { tracing: 'x' }, 400, bad(['not_boolean', 'x'])],
    [
      'GET vhosts/http-2/permissions',
      undefined,
      200,
      [{ vhost: 'http-2', user: 'guest', configure: '.*', write: '.*', read: '.*' }],
    ],
    ['GET vhosts/nope', undefined, 404, notFound],
    ['GET vhosts/nope/permissions', undefined, 404, notFound],
    ['POST vhosts/http-2/start/nope', undefined, 400, bad('Request to node nope failed with nodedown')],
    ['PUT vhost-limits/http-2/max-queues', { value: 5 }, 204],
    ['PUT vhost-limits/http-2/nope', { value: 5 }, 400],
    ['PUT vhost-limits/http-2/max-queues', { value: 'x' }, 400],
    ['PUT vhost-limits/http-2/max-queues', {}, 400, bad('[{key_missing,value}]')],
    ['PUT vhost-limits/nope/max-queues', { value: 1 }, 404, missing('vhost_not_found')],
    ['GET vhost-limits/http-2', undefined, 200, [{ vhost: 'http-2', value: { 'max-queues': 5 } }]],
    ['GET vhost-limits/nope', undefined, 404, notFound],
    ['DELETE vhost-limits/http-2/max-queues', undefined, 204],
    ['DELETE vhosts/http-2', undefined, 204],
    ['DELETE vhosts/http-2', undefined, 404, notFound],
  ],
  users: [
    ['PUT users/http-user', {}, 400, bad('tags_not_present')],
    ['PUT users/http-user', { password: 'p', tags: '' }, 201],
    ['PUT users/http-user', { password: 'p', tags: 'management,mine' }, 204],
    ['GET users/http-user?columns=tags', undefined, 200],
    ['PUT users/http-user', { password_hash: 'zz', tags: '' }, 400],
    [
      'PUT users/http-user',
      { password: 'p', password_hash: 'zz', tags: '' },
      400,
      bad('both_password_and_password_hash_are_provided'),
    ],
    ['GET users/nope', undefined, 404, notFound],
    ['GET users/nope/permissions', undefined, 404, notFound],
    ['DELETE users/nope', undefined, 404, notFound],
    ['POST users/bulk-delete', { users: ['nope'] }, 400, bad(['no_such_user', 'nope'])],
    ['POST users/bulk-delete', {}, 400, bad('[{key_missing,users}]')],
    ['PUT permissions/http/http-user', { configure: '.*', write: '.*', read: '.*' }, 201],
    ['PUT permissions/http/http-user', { configure: '.*', write: '.*', read: '' }, 204],
    [
      'GET permissions/http/http-user',
      undefined,
      200,
      { user: 'http-user', vhost: 'http', configure: '.*', write: '.*', read: '' },
    ],
    ['PUT permissions/http/http-user', { configure: '.*', read: '' }, 400, bad('[{key_missing,write}]')],
    ['PUT permissions/http/http-user', { configure: '(', write: '', read: '' }, 400],
    [
      'PUT permissions/http/nope',
      { configure: '', write: '', read: '' },
      400,
      bad('vhost_or_user_not_found'),
    ],
    [
      'PUT permissions/nope/http-user',
      { configure: '', write: '', read: '' },
      400,
      bad('vhost_or_user_not_found'),
    ],
    ['DELETE permissions/http/nope', undefined, 404, notFound],
    ['PUT topic-permissions/http/http-user', { exchange: 'amq.topic', write: '^a', read: '.*' }, 201],
    ['PUT topic-permissions/http/http-user', { exchange: 'amq.topic', write: '^b', read: '.*' }, 204],
    [
      'GET topic-permissions/http/http-user',
      undefined,
      200,
      [{ user: 'http-user', vhost: 'http', exchange: 'amq.topic', write: '^b', read: '.*' }],
    ],
    ['DELETE topic-permissions/http/http-user/nope', undefined, 204],
    ['DELETE topic-permissions/http/http-user', undefined, 204],
    ['GET topic-permissions/http/http-user', undefined, 404, notFound],
    ['PUT user-limits/http-user/max-connections', { value: 5 }, 204],
    ['PUT user-limits/http-user/nope', { value: 5 }, 400],
    ['PUT user-limits/nope/max-channels', { value: 5 }, 400, bad(['no_such_user', 'nope'])],
    ['GET user-limits/http-user', undefined, 200, [{ user: 'http-user', value: { 'max-connections': 5 } }]],
    ['DELETE user-limits/http-user/max-connections', undefined, 204],
    ['DELETE permissions/http/http-user', undefined, 204],
    ['DELETE users/http-user', undefined, 204],
  ],
  'policies and parameters': [
    [
      'PUT policies/http/p',
      { pattern: '^a', definition: { 'max-length': 5 }, priority: 1, 'apply-to': 'queues' },
      201,
    ],
    ['PUT policies/http/p', { pattern: '^a', definition: { 'max-length': 6 } }, 204],
    [
      'GET policies/http/p',
      undefined,
      200,
      {
        vhost: 'http',
        name: 'p',
        pattern: '^a',
        'apply-to': 'all',
        definition: { 'max-length': 6 },
        priority: 0,
      },
    ],
    ['PUT policies/http/q', { pattern: '(' }, 400, bad('[{key_missing,definition}]')],
    [
      'PUT policies/http/q',
      { pattern: 'a', definition: {} },
      400,
      bad('Validation failed\n\nno policy provided\n'),
    ],
    [
      'PUT policies/nope/q',
      { pattern: 'a', definition: { 'max-length': 5 } },
      404,
      missing('vhost_not_found'),
    ],
    ['GET policies/nope', undefined, 404, notFound],
    ['DELETE policies/http/nope', undefined, 404, notFound],
    ['PUT operator-policies/http/o', { pattern: '^a', definition: { 'max-length': 5 } }, 201],
    ['PUT operator-policies/http/o', { pattern: '^a', definition: { 'alternate-exchange': 'x' } }, 400],
    [
      'GET parameters/policy/http',
      undefined,
      200,
      [
        {
          value: { pattern: '^a', definition: { 'max-length': 6 }, priority: 0, 'apply-to': 'all' },
          vhost: 'http',
          component: 'policy',
          name: 'p',
        },
      ],
    ],
    ['DELETE operator-policies/http/o', undefined, 204],
    ['DELETE policies/http/p', undefined, 204],
    ['PUT parameters/foo/http/n', { value: 1 }, 400, bad('Validation failed\n\ncomponent foo not found\n')],
    ['PUT parameters/foo/http/n', {}, 400, bad('[{key_missing,value}]')],
    [
      'PUT parameters/policy/http/n',
      { value: { pattern: 'a', definition: { 'max-length': 3 } } },
      400,
      bad('policies may not be set using this method'),
    ],
    ['GET parameters/foo/nope', undefined, 404, notFound],
    ['DELETE parameters/foo/http/nope', undefined, 404, notFound],
    ['PUT global-parameters/http-g', { value: { a: [1, null, 'x'] } }, 201],
    ['PUT global-parameters/http-g', { value: 2 }, 204],
    ['GET global-parameters/http-g', undefined, 200, { name: 'http-g', value: 2 }],
    ['DELETE global-parameters/http-g', undefined, 204],
    ['DELETE global-parameters/http-g', undefined, 404, notFound],
    ['PUT cluster-name', { name: 'http-name' }, 204],
    ['GET cluster-name', undefined, 200, { name: 'http-name' }],
    ['PUT cluster-name', {}, 400, bad('[{key_missing,name}]')],
  ],
  'lists in pages': [
    ['GET queues/http?page=1&page_size=1&columns=name', undefined, 200],
    [
      'GET queues?page=0',
      undefined,
      400,
      {
        error: 'invalid_pagination_parameters',
        reason: 'Invalid pagination parameters: page number 0, page size undefined',
      },
    ],
    [
      'GET queues?page=1&page_size=501',
      undefined,
      400,
      {
        error: 'invalid_pagination_parameters',
        reason: 'Invalid pagination parameters: page number 1, page size 501',
      },
    ],
    ['GET queues?page=x', undefined, 400, bad('Pagination parameters are invalid')],
    [
      'GET queues/http?page=1&name=(&use_regex=true',
      undefined,
      400,
      bad('Pagination parameters are invalid'),
    ],
    [
      'GET queues/http?page=1&name=TEX&columns=name',
      undefined,
      200,
      { filtered_count: 1, item_count: 1, items: [{ name: 'text' }], page: 1, page_count: 1, page_size: 100 },
    ],
    [
      'GET overview?lengths_age=1000000&lengths_incr=1',
      undefined,
      400,
      bad('Invalid range parameters: age 1000000, incr 1'),
    ],
  ],
  'health and the rest': [
    ['GET health/checks/alarms', undefined, 200, { status: 'ok' }],
    ['GET health/checks/local-alarms', undefined, 200, { status: 'ok' }],
    ['GET health/checks/virtual-hosts', undefined, 200, { status: 'ok' }],
    [
      'GET health/checks/node-is-mirror-sync-critical',
      undefined,
      200,
      { status: 'ok', reason: 'single node cluster' },
    ],
    [
      'GET health/checks/node-is-quorum-critical',
      undefined,
      200,
      { status: 'ok', reason: 'single node cluster' },
    ],
    ['GET health/checks/port-listener/1', undefined, 503],
    ['GET health/checks/port-listener/x', undefined, 400, bad('Invalid port')],
    ['GET health/checks/protocol-listener/amqp091', undefined, 200, { status: 'ok', protocol: 'amqp' }],
    ['GET health/checks/protocol-listener/mqtt', undefined, 503],
    ['GET health/checks/certificate-expiration/1/months', undefined, 200, { status: 'ok' }],
    ['GET health/checks/certificate-expiration/x/months', undefined, 400, bad('Invalid expiration value.')],
    ['GET health/checks/certificate-expiration/1/ages', undefined, 400],
    ['GET health/checks/nope', undefined, 404, notFound],
    ['GET whoami', undefined, 200, { name: 'guest', tags: ['administrator'] }],
    ['GET auth', undefined, 200, { enable_uaa: false, uaa_client_id: '', uaa_location: '' }],
    ['POST rebalance/queues', {}, 204],
    ['GET connections/nope', undefined, 404, notFound],
    ['DELETE connections/nope', undefined, 404, notFound],
    ['GET connections/username/nope', undefined, 200, []],
    ['DELETE connections/username/nope', undefined, 204],
    ['GET channels/nope', undefined, 404, notFound],
    ['GET definitions/nope', undefined, 400, bad('vhost_not_found')],
    ['GET nope', undefined, 404, notFound],
    ['DELETE queues', undefined, 405],
    ['POST overview', {}, 405],
  ],
};

function message(changes: Readonly<Record<string, unknown>> = {}): unknown {
  return { routing_key: 'q', properties: {}, payload: 'hello', payload_encoding: 'string', ...changes };
}

describe.skipIf(!managementAvailable)('the HTTP API', () => {
  beforeAll(async () => {
    await request('DELETE', '/api/vhosts/http');
    await request('PUT', '/api/vhosts/http');
  });
  afterAll(() => request('DELETE', '/api/vhosts/http'));

  for (const [chapter, steps] of Object.entries(chapters)) {
    describe(chapter, () => {
      for (const [call, body, status, answer] of steps) {
        it(`${call} ${body === undefined ? '' : JSON.stringify(body).slice(0, 60)} is ${status}`, async () => {
          const [method, path] = splitCall(call);
          const found = await request(method, `/api/${path}`, body);
          expect({ status: found.status, text: found.status === status ? '' : found.text }).toEqual({
            status,
            text: '',
          });
          if (answer === undefined) return;
          if (Array.isArray(answer)) expect(found.body).toEqual(answer);
          else expect(found.body).toMatchObject(answer as object);
        });
      }
    });
  }
});

function splitCall(call: string): [Method, string] {
  const [method = '', path = ''] = call.split(' ', 2);
  const known = (['GET', 'PUT', 'POST', 'DELETE'] as const).find((each) => each === method);
  if (known === undefined) throw new Error(`no method in '${call}'`);
  return [known, path];
}
