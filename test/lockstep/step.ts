/** One thing a client does, chosen at random. Few names, few keys, few bodies: collisions are what is looked for. */

import fc from 'fast-check';
import type { Publication } from '../../conformance/raw-client.ts';
import type { Fields, MethodName, Table } from '../../conformance/raw-codec.ts';

export const CHANNELS = [0, 1] as const;
export const QUEUES = ['lockstep-q0', 'lockstep-q1', 'lockstep-q2'] as const;
export const EXCHANGES = [
  'lockstep-direct',
  'lockstep-fanout',
  'lockstep-topic',
  'lockstep-headers',
] as const;
const TYPES = ['direct', 'fanout', 'topic', 'headers'] as const;
const KEYS = ['a', 'a.b', 'a.*', '#', '*.b.#', '', ...QUEUES] as const;
const CONSUMERS = ['c0', 'c1', 'c2'] as const;

/** A synchronous method and its answer. */
export interface CallStep {
  readonly type: 'call';
  readonly channel: number;
  readonly method: MethodName;
  readonly fields: Fields;
}

export interface PublishStep {
  readonly type: 'publish';
  readonly channel: number;
  readonly message: Publication;
}

/** Settles one of the deliveries the channel still owes an answer, or an unknown one if it owes none. */
export interface SettleStep {
  readonly type: 'settle';
  readonly channel: number;
  readonly how: 'basic.ack' | 'basic.nack' | 'basic.reject';
  readonly pick: number;
  readonly multiple: boolean;
  readonly requeue: boolean;
}

/** Closes the channel and opens it again: its deliveries are requeued, its consumers are gone. */
export interface ReopenStep {
  readonly type: 'reopen';
  readonly channel: number;
}

export type Step = CallStep | PublishStep | SettleStep | ReopenStep;

const channel = fc.constantFrom(...CHANNELS);
const queue = fc.constantFrom(...QUEUES);
const exchange = fc.constantFrom(...EXCHANGES);
const key = fc.constantFrom(...KEYS);
const seldom = fc.integer({ min: 0, max: 7 }).map((number) => number === 7);
const often = seldom.map((value) => !value);

function call(method: MethodName, fields: fc.Arbitrary<Fields>): fc.Arbitrary<CallStep> {
  return fc.record({
    type: fc.constant('call' as const),
    channel,
    method: fc.constant(method),
    fields,
  });
}

const queueArguments: fc.Arbitrary<Table> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: exchange.map((name) => ({ 'x-dead-letter-exchange': name })) },
  {
    weight: 2,
    arbitrary: queue.map((name) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': name })),
  },
  { weight: 1, arbitrary: fc.constant({ 'x-message-ttl': 0 }) },
  {
    weight: 1,
    arbitrary: exchange.map((name) => ({ 'x-message-ttl': 0, 'x-dead-letter-exchange': name })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Table[]>(
      { 'x-max-length': 2 },
      { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
      { 'x-max-length-bytes': 7 },
      { 'x-max-length': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': QUEUES[2] },
      { 'x-max-priority': 5 },
      { 'x-single-active-consumer': true },
    ),
  },
  // Refused: no such number, no such type, a key without its exchange.
  {
    weight: 1,
    arbitrary: fc.constantFrom({ 'x-message-ttl': -1 }, { 'x-expires': 0 }, { 'x-message-ttl': 'x' }),
  },
  { weight: 1, arbitrary: fc.constant({ 'x-dead-letter-routing-key': 'a' }) },
);

const declareQueue = call(
  'queue.declare',
  fc.record({
    queue,
    passive: seldom,
    durable: seldom,
    exclusive: seldom,
    'auto-delete': seldom,
    arguments: queueArguments,
  }),
);

const exchangeArguments: fc.Arbitrary<Table> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: exchange.map((name) => ({ 'alternate-exchange': name })) },
);

const declareExchange = call(
  'exchange.declare',
  fc
    .tuple(
      fc.nat(EXCHANGES.length - 1),
      fc.nat(TYPES.length - 1),
      often,
      exchangeArguments,
      fc.tuple(seldom, seldom, seldom),
    )
    .map(([name, type, usual, args, [durable, autoDelete, internal]]) => ({
      exchange: EXCHANGES[name] ?? '',
      type: TYPES[usual ? name : type] ?? '',
      durable,
      'auto-delete': autoDelete,
      internal,
      arguments: args,
    })),
);

const bindingArguments: fc.Arbitrary<Table> = fc.constantFrom<Table[]>(
  {},
  {},
  { 'x-match': 'all', colour: 'red' },
  { 'x-match': 'any', colour: 'red', size: 1 },
  { 'x-match': 'other' },
);

const bind = { 'routing-key': key, arguments: bindingArguments };
const queueBinding = fc.record({
  queue,
  exchange: fc.oneof({ weight: 9, arbitrary: exchange }, { weight: 1, arbitrary: fc.constant('') }),
  ...bind,
});
const exchangeBinding = fc.record({ destination: exchange, source: exchange, ...bind });

const properties: fc.Arbitrary<Fields> = fc
  .record(
    {
      'delivery-mode': fc.constantFrom(1, 2),
      expiration: fc.constantFrom('0', '3600000', 'never'),
      priority: fc.constantFrom(0, 5),
      'content-type': fc.constant('text/plain'),
      'user-id': fc.constantFrom('guest', 'guest', 'guest', 'somebody'),
      headers: fc.constantFrom<Table[]>(
        {},
        { colour: 'red' },
        { colour: 'blue', size: 1 },
        { CC: ['a', QUEUES[1]] },
        { BCC: [QUEUES[2]] },
        { CC: 'a' },
      ),
    },
    { requiredKeys: [] },
  )
  // Most messages are plain.
  .chain((some) => fc.constantFrom<Fields[]>({}, some));

const publish: fc.Arbitrary<PublishStep> = fc.record({
  type: fc.constant('publish' as const),
  channel,
  message: fc.record({
    exchange: fc.oneof(fc.constant(''), exchange),
    routingKey: key,
    mandatory: seldom,
    properties,
    body: fc.constantFrom('', 'one', 'two', 'three', 'four'),
  }),
});

const settle: fc.Arbitrary<SettleStep> = fc.record({
  type: fc.constant('settle' as const),
  channel,
  how: fc.constantFrom('basic.ack', 'basic.nack', 'basic.nack', 'basic.reject'),
  pick: fc.nat(9),
  multiple: seldom,
  requeue: fc.boolean(),
});

const consume = call(
  'basic.consume',
  fc.record({ queue, 'consumer-tag': fc.constantFrom(...CONSUMERS), 'no-ack': seldom, exclusive: seldom }),
);

const none = fc.constant({});

export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: declareQueue },
  { weight: 5, arbitrary: declareExchange },
  { weight: 8, arbitrary: call('queue.bind', queueBinding) },
  { weight: 2, arbitrary: call('queue.unbind', queueBinding) },
  { weight: 2, arbitrary: call('exchange.bind', exchangeBinding) },
  { weight: 1, arbitrary: call('exchange.unbind', exchangeBinding) },
  {
    weight: 2,
    arbitrary: call('queue.delete', fc.record({ queue, 'if-unused': seldom, 'if-empty': seldom })),
  },
  { weight: 1, arbitrary: call('exchange.delete', fc.record({ exchange, 'if-unused': fc.boolean() })) },
  { weight: 1, arbitrary: call('queue.purge', fc.record({ queue })) },
  { weight: 24, arbitrary: publish },
  { weight: 8, arbitrary: call('basic.get', fc.record({ queue, 'no-ack': seldom })) },
  { weight: 6, arbitrary: consume },
  {
    weight: 2,
    arbitrary: call('basic.cancel', fc.record({ 'consumer-tag': fc.constantFrom(...CONSUMERS) })),
  },
  { weight: 16, arbitrary: settle },
  {
    weight: 2,
    arbitrary: call('basic.qos', fc.record({ 'prefetch-count': fc.nat(3), global: fc.boolean() })),
  },
  { weight: 1, arbitrary: call('basic.recover', fc.record({ requeue: often })) },
  { weight: 1, arbitrary: call('tx.select', none) },
  { weight: 2, arbitrary: call('tx.commit', none) },
  { weight: 1, arbitrary: call('tx.rollback', none) },
  { weight: 1, arbitrary: call('confirm.select', none) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reopen' as const), channel }) },
);

function always(method: MethodName, fields: Fields): CallStep {
  return { type: 'call', channel: 0, method, fields };
}

/** Enough of a topology that the first messages arrive somewhere; the queues have any arguments. */
export const beginning: fc.Arbitrary<readonly Step[]> = fc
  .tuple(queueArguments, queueArguments)
  .map((chosen) => [
    ...EXCHANGES.map((name, index) =>
      always('exchange.declare', { exchange: name, type: TYPES[index] ?? '' }),
    ),
    ...chosen.map((args, index) => always('queue.declare', { queue: QUEUES[index] ?? '', arguments: args })),
    ...EXCHANGES.slice(0, 3).map((name) =>
      always('queue.bind', { queue: QUEUES[0], exchange: name, 'routing-key': 'a' }),
    ),
  ]);
