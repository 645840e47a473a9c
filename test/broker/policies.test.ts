import { describe, expect, it } from 'vitest';
import { PolicyError, type PolicyRequest } from '../../src/broker/policies/policy.ts';
import { VirtualHost } from '../../src/broker/virtual-host.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { int64, longString } from '../../src/protocol/field-value.ts';
import { TestHost } from './support.ts';

const ttl = { 'message-ttl': 1000 };

function policy(name: string, request: Partial<PolicyRequest> = {}): PolicyRequest {
  return { name, pattern: '', definition: ttl, ...request };
}

function fault(host: TestHost, request: PolicyRequest): string {
  try {
    host.vhost.policies.set('policy', request);
    return '';
  } catch (error) {
    if (error instanceof PolicyError) return error.message;
    throw error;
  }
}

describe('Policies', () => {
  it('shows by name which apply, and what they amount to', () => {
    const host = new TestHost();
    host.exchange('x', 'direct');
    const queue = host.queue('q');
    const { policies } = host.vhost;
    policies.set('policy', policy('p', { definition: { ...ttl, 'ha-mode': 'all' } }));
    policies.set('operator_policy', policy('o', { applyTo: 'queues', definition: { 'message-ttl': 5 } }));
    expect(queue.policies).toMatchObject({
      policy: { name: 'p', applyTo: 'all', priority: 0 },
      operatorPolicy: { name: 'o' },
      definition: { 'ha-mode': 'all', 'message-ttl': 5 },
    });
    expect(queue.settings.messageTtlMs).toBe(5);
    const exchange = host.vhost.findExchange('x');
    expect(exchange?.policies).toMatchObject({ policy: { name: 'p' }, operatorPolicy: undefined });
    policies.clear('policy', 'p');
    expect(exchange?.policies.policy).toBeUndefined();
    expect(policies.clear('policy', 'p')).toBe(false);
  });

  it('prefers the higher priority, then the name', () => {
    const host = new TestHost();
    const queue = host.queue('q');
    const { policies } = host.vhost;
    for (const name of ['b', 'c', 'a']) policies.set('policy', policy(name));
    expect(queue.policies.policy?.name).toBe('a');
    policies.set('policy', policy('c', { priority: 1 }));
    expect(queue.policies.policy?.name).toBe('c');
    expect(policies.list('policy').map(({ name }) => name)).toEqual(['c', 'a', 'b']);
    policies.set('policy', policy('c', { priority: -1 }));
    expect(queue.policies.policy?.name).toBe('a');
  });

  it('combines with arguments: the smaller number, else the argument', () => {
    const host = new TestHost();
    const queue = host.queue(
      'q',
      FieldTable.of(['x-message-ttl', int64(5n)], ['x-dead-letter-exchange', longString('argument')]),
    );
    host.vhost.policies.set('policy', {
      name: 'p',
      pattern: '',
      definition: {
        'message-ttl': 9,
        expires: 1e15,
        'dead-letter-exchange': 'policy',
        'dead-letter-routing-key': 'key',
      },
    });
    expect(queue.settings).toMatchObject({
      messageTtlMs: 5,
      expiresMs: 315_360_000_000,
      deadLetterExchange: 'argument',
      deadLetterRoutingKey: 'key',
    });
  });

  it('leaves alone what keeps its policies', () => {
    const host = new TestHost();
    const queue = host.queue('q');
    host.vhost.policies.set('policy', policy('p'));
    const { settings } = queue;
    host.vhost.policies.set('policy', policy('p'));
    host.vhost.policies.set('policy', policy('other', { pattern: '^elsewhere' }));
    expect(queue.settings).toBe(settings);
  });

  it('comes into force bit by bit for very many queues, and the last change counts for all of them', async () => {
    const host = new TestHost();
    const { policies } = host.vhost;
    for (let index = 0; index < 3000; index++) host.queue(`q${index}`);
    const inForce = () => new Set([...host.vhost.queues()].map((queue) => queue.policies.policy?.name));
    policies.set('policy', policy('first'));
    policies.set('policy', policy('second', { priority: 1 }));
    const queue = host.queue('new');
    expect(queue.policies.policy?.name).toBe('second');
    await policies.applied;
    expect([...inForce()]).toEqual(['second']);
    policies.clear('policy', 'second');
    policies.clear('policy', 'first');
    await policies.applied;
    expect([...inForce()]).toEqual([undefined]);
  });

  it('survives a restart, with what it does', () => {
    const host = new TestHost();
    const { policies } = host.vhost;
    host.exchange('x', 'direct', FieldTable.empty, { durable: true });
    host.queue('q', FieldTable.empty, { durable: true });
    policies.set('policy', policy('p', { definition: { 'alternate-exchange': 'a', expires: 1000 } }));
    policies.set('policy', policy('gone', { priority: 7 }));
    policies.set('operator_policy', policy('o', { pattern: '^q', priority: 2 }));
    policies.clear('policy', 'gone');
    const after = new VirtualHost('/', host.broker);
    after.recover(host.broker.definitions());
    expect(after.policies.list('policy')).toEqual(policies.list('policy'));
    expect(after.policies.list('operator_policy')).toEqual(policies.list('operator_policy'));
    expect(after.findExchange('x')?.alternateExchange).toBe('a');
    expect(after.findExchange('amq.fanout')?.alternateExchange).toBe('a');
    expect(after.findExchange('')?.alternateExchange).toBeUndefined();
    expect(after.findQueue('q')?.settings).toMatchObject({ expiresMs: 1000, messageTtlMs: 1000 });
  });

  it('starts x-expires anew when it changes, and stops it with the policy', () => {
    const host = new TestHost();
    const { policies } = host.vhost;
    host.queue('q');
    policies.set('policy', policy('p', { definition: { expires: 1000 } }));
    host.broker.clock.advance(900);
    policies.set('policy', policy('p', { definition: { expires: 500 } }));
    host.broker.clock.advance(400);
    expect(host.vhost.findQueue('q')).toBeDefined();
    policies.clear('policy', 'p');
    host.broker.clock.advance(10_000);
    expect(host.vhost.findQueue('q')).toBeDefined();
    policies.set('policy', policy('p', { definition: { expires: 1000 } }));
    host.broker.clock.advance(1000);
    expect(host.vhost.findQueue('q')).toBeUndefined();
  });

  it('knows the types of queues apart', () => {
    const host = new TestHost();
    const queue = host.queue('q');
    const { policies } = host.vhost;
    policies.set('policy', policy('quorum', { applyTo: 'quorum_queues', priority: 9 }));
    policies.set('policy', policy('classic', { applyTo: 'classic_queues' }));
    expect(queue.policies.policy?.name).toBe('classic');
    expect(policies.match('queue', 'q', 'quorum').policy?.name).toBe('quorum');
    expect(policies.match('queue', 'q', 'stream')).toMatchObject({ policy: undefined });
  });

  it('says everything that is wrong at once', () => {
    const request = { name: 'p', pattern: '(', priority: 'a', applyTo: 'foo', definition: { foo: 1 } };
    expect(fault(new TestHost(), request)).toBe(
      [
        'Validation failed\n',
        '[{<<"foo">>,1}] are not recognised policy settings',
        "apply-to 'foo' unrecognised; should be 'queues', 'classic_queues', 'quorum_queues', 'streams', 'exchanges' or 'all'",
        'pattern should be regular expression but is invalid: {"missing )",1}',
        'priority should be a number, actually was <<"a">>',
      ].join('\n'),
    );
    expect(fault(new TestHost(), policy('p', { pattern: 5 }))).toMatch(
      /pattern should be a binary but was 5$/,
    );
    expect(fault(new TestHost(), policy('p', { definition: [1, 2] }))).toMatch(
      /definition must be a dictionary: \[1,2\]$/,
    );
  });

  it('has limits', () => {
    const host = new TestHost();
    expect(fault(host, policy('n'.repeat(256)))).toMatch(/at most 255 bytes/);
    const definition = { 'dead-letter-routing-key': 'k'.repeat(70_000) };
    expect(fault(host, policy('p', { definition }))).toMatch(/at most 65536 bytes/);
    for (let i = 0; i < 1000; i++) expect(fault(host, policy(`p${i}`))).toBe('');
    expect(fault(host, policy('one more'))).toMatch(/at most 1000 policies/);
    expect(fault(host, policy('p1', { priority: 1 }))).toBe('');
  });
});
