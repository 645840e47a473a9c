import { describe, expect, it } from 'vitest';
import { CommandError, ExitCode } from '../../../src/cli/exit-code.ts';
import { perfOptions } from '../../../src/cli/perf/options.ts';
import { parseBrokerUri } from '../../../src/cli/perf/uri.ts';

function options(values: Record<string, string>, ...switches: string[]) {
  return perfOptions({ values, switches: new Set(switches), words: ['perf'] });
}

describe('options', () => {
  it('has defaults', () => {
    expect(options({})).toEqual({
      uri: { tls: false, host: 'localhost', port: 5672, user: 'guest', password: 'guest', vhost: '/' },
      producers: 1,
      consumers: 1,
      queue: undefined,
      queues: 1,
      queueArguments: {},
      exchange: '',
      exchangeType: 'direct',
      routingKey: undefined,
      bodyBytes: 1024,
      persistent: false,
      confirmWindow: 0,
      autoAck: false,
      prefetch: 0,
      multiAckEvery: 1,
      rate: 0,
      seconds: 0,
      messages: 0,
      json: false,
    });
  });

  it('reads flags', () => {
    const given = {
      queues: '4',
      confirm: '1000',
      size: '16k',
      'queue-args': 'x-max-length=5,x-lazy=true,m=a=b',
    };
    expect(options(given, 'persistent', 'autoack')).toMatchObject({
      queues: 4,
      consumers: 4,
      confirmWindow: 1000,
      bodyBytes: 16_384,
      persistent: true,
      autoAck: true,
      queueArguments: { 'x-max-length': 5, 'x-lazy': true, m: 'a=b' },
    });
  });

  it.each<[Record<string, string>, string]>([
    [{ size: '15' }, '--size: "15" is not a size from 16'],
    [{ rate: 'fast' }, '--rate: "fast" is not a whole number'],
    [{ queues: '3', consumers: '2' }, '--consumers: 2 would leave some of 3 queues unread'],
    [{ producers: '0', consumers: '0' }, 'both 0'],
    [{ producers: '0' }, '--queue: without producers'],
    [{ consumers: '0' }, '--queue: without consumers'],
    [{ type: 'topic' }, '--type: needs an --exchange'],
    [{ exchange: 'x', type: 'x-random' }, '--type: "x-random" is not one of'],
    [{ 'routing-key': 'k' }, '--routing-key: needs an --exchange'],
    [{ 'queue-args': 'x' }, '--queue-args: "x" is not key=value'],
  ])('refuses %j', (values, message) => {
    expect(() => options(values)).toThrow(message);
    expect(() => options(values)).toThrow(expect.objectContaining({ exitCode: ExitCode.Usage }));
  });
});

describe('URIs', () => {
  it.each([
    ['amqp://', { host: 'localhost', port: 5672, vhost: '/' }],
    ['amqp://h/', { host: 'h', vhost: '/' }],
    ['amqps://h', { tls: true, port: 5671 }],
    ['amqp://u:p%40%2F@h:1/%2Fv', { user: 'u', password: 'p@/', port: 1, vhost: '/v' }],
    ['amqp://[::1]:5673/a', { host: '::1', port: 5673, vhost: 'a' }],
  ])('reads %s', (uri, expected) => {
    expect(parseBrokerUri(uri)).toMatchObject(expected);
  });

  it.each(['http://h', 'nonsense', 'amqp://h/%zz'])('refuses %s', (uri) => {
    expect(() => parseBrokerUri(uri)).toThrow(CommandError);
  });
});
