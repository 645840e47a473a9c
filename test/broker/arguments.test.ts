import { describe, expect, it } from 'vitest';
import { checkConsumerArguments } from '../../src/broker/queues/argument-rules.ts';
import { FieldTable, type FieldValue } from '../../src/protocol/field-table.ts';
import {
  array,
  bool,
  byteArray,
  decimal,
  float64,
  int8,
  int32,
  int64,
  longString,
  nothing,
  table,
  timestamp,
} from '../../src/protocol/field-value.ts';
import { refusal, TestHost } from './support.ts';

const of = FieldTable.of;
const text = longString;
const days = 24 * 60 * 60 * 1000;

/** The texts below were read off a running RabbitMQ 3.10.8. */
describe('arguments of a new queue', () => {
  const accepted: [string, FieldValue][] = [
    ['x-expires', int32(1)],
    ['x-expires', int64(3650 * days)],
    ['x-message-ttl', int8(0)],
    ['x-max-length', int64(1n << 62n)],
    ['x-max-length-bytes', int32(0)],
    ['x-max-priority', int32(255)],
    ['x-overflow', text('reject-publish-dlx')],
    ['x-queue-mode', text('lazy')],
    ['x-queue-version', int32(2)],
    ['x-queue-type', text('classic')],
    ['x-single-active-consumer', bool(false)],
    ['x-queue-master-locator', text('min-masters')],
    ['x-dead-letter-exchange', text('')],
    ['x-consumer-timeout', text('unknown, so anything goes')],
    ['foo', nothing],
  ];
  it.each(accepted)('takes %s, case %#', (key, value) => {
    expect(refusal(() => new TestHost().queue('q', of([key, value])))).toBe('accepted');
  });

  const refused: [string, FieldValue, string][] = [
    ['x-expires', int32(0), '{value_zero,0}'],
    ['x-expires', int32(-1), '{value_negative,-1}'],
    ['x-expires', int64(315_360_000_001), '{value_too_large,315360000001}'],
    ['x-expires', text('5'), '"expected integer, got longstr"'],
    ['x-expires', float64(5), '"expected integer, got double"'],
    ['x-expires', timestamp(5), '"expected integer, got timestamp"'],
    ['x-expires', byteArray(Buffer.from('5')), '"expected integer, got binary"'],
    ['x-expires', nothing, '"expected integer, got void"'],
    ['x-message-ttl', int64(-5), '{value_negative,-5}'],
    ['x-message-ttl', decimal(0, 5), '"expected integer, got decimal"'],
    ['x-max-length', int32(-1), '{value_negative,-1}'],
    ['x-max-length-bytes', table(FieldTable.empty), '"expected integer, got table"'],
    ['x-max-priority', int32(256), '{max_value_exceeded,256}'],
    ['x-max-priority', int32(-1), '{value_negative,-1}'],
    ['x-dead-letter-routing-key', text('k'), 'routing_key_but_no_dlx_defined'],
    ['x-dead-letter-routing-key', int32(1), '{unacceptable_type,signedint}'],
    ['x-overflow', text(''), 'invalid_overflow'],
    ['x-overflow', int64(1), '{unacceptable_type,long}'],
    ['x-queue-mode', text('foo'), '"unsupported queue mode \'foo\'"'],
    ['x-queue-version', int32(3), '"unsupported queue version \'3\'"'],
    ['x-queue-version', bool(true), '"expected integer, got bool"'],
    ['x-queue-type', text('foo'), '"unsupported queue type \'foo\'"'],
    ['x-queue-type', byteArray(Buffer.from('classic')), '{unacceptable_type,binary}'],
    ['x-single-active-consumer', text('true'), '{unacceptable_type,longstr}'],
  ];
  it.each(refused)('refuses %s, case %#', (key, value, reason) => {
    const expected = `406 invalid arg '${key}' for queue 'q' in vhost '/': ${reason}`;
    expect(refusal(() => new TestHost().queue('q', of([key, value])))).toBe(expected);
  });

  it('refuses arguments of other queue types after those it knows, in the order they were given', () => {
    const host = new TestHost();
    const maxAge: [string, FieldValue] = ['x-max-age', int32(0)];
    const limit: [string, FieldValue] = ['x-delivery-limit', int32(0)];
    const classic = "for queue 'q' in vhost '/' of queue type rabbit_classic_queue";
    expect(refusal(() => host.queue('q', of(maxAge, limit)))).toBe(`406 invalid arg 'x-max-age' ${classic}`);
    expect(refusal(() => host.queue('q', of(limit, maxAge)))).toBe(
      `406 invalid arg 'x-delivery-limit' ${classic}`,
    );
    expect(refusal(() => host.queue('q', of(maxAge, ['x-expires', int32(0)])))).toContain('{value_zero,0}');
  });

  it('checks in the order of RabbitMQ, whatever order they are given in', () => {
    const host = new TestHost();
    const wrong: [string, FieldValue][] = [
      ['x-single-active-consumer', text('')],
      ['x-queue-version', text('')],
      ['x-queue-mode', text('')],
      ['x-overflow', text('')],
      ['x-max-priority', text('')],
      ['x-max-length-bytes', text('')],
      ['x-max-length', text('')],
      ['x-dead-letter-routing-key', int32(1)],
      ['x-message-ttl', text('')],
      ['x-expires', text('')],
      ['x-queue-type', int32(1)],
      ['x-dead-letter-exchange', int32(1)],
    ];
    for (let left = wrong.length; left > 0; left--) {
      const reason = refusal(() => host.queue('q', of(...wrong.slice(0, left))));
      expect(reason).toContain(`arg '${wrong[left - 1]?.[0]}' `);
    }
  });

  it('takes the type of x-dead-letter-exchange first and says it in other words', () => {
    expect(refusal(() => new TestHost().queue('q', of(['x-dead-letter-exchange', int32(1)])))).toBe(
      "406 invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'",
    );
  });

  it('counts the first of two with the same name', () => {
    const all = of(['x-expires', int32(1000)], ['x-expires', int32(0)]);
    expect(new TestHost().queue('q', all).settings.expiresMs).toBe(1000);
  });

  it('become settings', () => {
    const all = of(
      ['x-message-ttl', int64(60_000)],
      ['x-dead-letter-exchange', text('')],
      ['x-dead-letter-routing-key', text('dead')],
      ['x-max-length', int32(10)],
      ['x-overflow', text('reject-publish')],
    );
    expect(new TestHost().queue('q', all).settings).toEqual({
      messageTtlMs: 60_000,
      expiresMs: undefined,
      deadLetterExchange: '',
      deadLetterRoutingKey: 'dead',
      maxLength: 10,
      maxLengthBytes: undefined,
      overflow: 'reject-publish',
      deliveryLimit: undefined,
      deadLettersAtLeastOnce: false,
      consumerTimeoutMs: undefined,
    });
  });
});

describe('arguments of a queue declared again', () => {
  const ttl = (value: FieldValue) => of(['x-message-ttl', value]);
  const dlx = (value: FieldValue) => of(['x-dead-letter-exchange', value]);
  const none = FieldTable.empty;

  it.each<[FieldTable, FieldTable]>([
    [ttl(int32(5)), ttl(int64(5))],
    [ttl(int32(5)), ttl(timestamp(5))],
    [dlx(text('a')), dlx(byteArray(Buffer.from('a')))],
    [none, of(['x-queue-type', text('classic')])],
    [of(['x-queue-type', text('classic')]), none],
    [none, of(['foo', int32(1)], ['x-consumer-timeout', int32(1)], ['x-delivery-limit', int32(1)])],
  ])('are the same, case %#', (first, second) => {
    const host = new TestHost();
    const queue = host.queue('q', first);
    expect(host.queue('q', second)).toBe(queue);
  });

  const list = array([text('a'), int32(1), bool(true)]);
  it.each<[FieldTable, FieldTable, string, string]>([
    [ttl(int32(5)), ttl(int64(6)), 'x-message-ttl', "received '6' but current is '5'"],
    [ttl(int32(5)), ttl(text('5')), 'x-message-ttl', "received '5' but current is '5'"],
    [ttl(int32(5)), ttl(float64(5)), 'x-message-ttl', "received '5.0' but current is '5'"],
    [ttl(int32(5)), ttl(float64(1e30)), 'x-message-ttl', "received '1.0e30' but current is '5'"],
    [ttl(int32(5)), ttl(nothing), 'x-message-ttl', "received none but current is '5'"],
    [ttl(int32(5)), ttl(bool(true)), 'x-message-ttl', "received 'true' but current is '5'"],
    [
      ttl(int32(5)),
      ttl(table(of(['a', int32(1)]))),
      'x-message-ttl',
      "received '[{<<\"a\">>,signedint,1}]' but current is '5'",
    ],
    [
      none,
      ttl(list),
      'x-message-ttl',
      "received the value '[{longstr,<<\"a\">>},{signedint,1},{bool,true}]' of type 'array' but current is none",
    ],
    [none, ttl(int32(5)), 'x-message-ttl', "received the value '5' of type 'signedint' but current is none"],
    [
      none,
      ttl(nothing),
      'x-message-ttl',
      "received the value 'undefined' of type 'void' but current is none",
    ],
    [
      none,
      ttl(decimal(2, 5)),
      'x-message-ttl',
      "received the value '{2,5}' of type 'decimal' but current is none",
    ],
    [ttl(int32(5)), none, 'x-message-ttl', "received none but current is the value '5' of type 'signedint'"],
    [dlx(text('a')), dlx(text('b')), 'x-dead-letter-exchange', "received 'b' but current is 'a'"],
    [
      none,
      of(['x-queue-type', text('foo')]),
      'x-queue-type',
      "received the value 'foo' of type 'longstr' but current is none",
    ],
  ])('differ, case %#', (first, second, key, difference) => {
    const host = new TestHost();
    host.queue('q', first);
    expect(refusal(() => host.queue('q', second))).toBe(
      `406 inequivalent arg '${key}' for queue 'q' in vhost '/': ${difference}`,
    );
  });
});

describe('arguments of a consumer', () => {
  const check = (key: string, value: FieldValue) =>
    refusal(() => checkConsumerArguments("queue 'q' in vhost '/'", 'classic', of([key, value])));

  it('are checked as far as they are known', () => {
    expect(check('x-priority', int8(-5))).toBe('accepted');
    expect(check('foo', nothing)).toBe('accepted');
    expect(check('x-priority', text('5'))).toBe(
      "406 invalid arg 'x-priority' for queue 'q' in vhost '/': \"expected integer, got longstr\"",
    );
    expect(check('x-cancel-on-ha-failover', int8(1))).toBe(
      "406 invalid arg 'x-cancel-on-ha-failover' for queue 'q' in vhost '/': {unacceptable_type,byte}",
    );
    expect(check('x-stream-offset', text('first'))).toBe(
      "406 invalid arg 'x-stream-offset' for queue 'q' in vhost '/' of queue type rabbit_classic_queue",
    );
  });
});
