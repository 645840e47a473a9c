import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergedDefinition } from '../../../src/broker/policies/definition.ts';

describe('a policy and an operator policy together', () => {
  it.each([
    ['the smaller limit', { 'max-length': 5 }, { 'max-length': 9 }, { 'max-length': 5 }],
    ['the smaller limit', { 'message-ttl': 9 }, { 'message-ttl': 5 }, { 'message-ttl': 5 }],
    ['no delivery limit', { 'delivery-limit': -1 }, { 'delivery-limit': 5 }, { 'delivery-limit': 5 }],
    ['the larger group', { 'target-group-size': 3 }, { 'target-group-size': 5 }, { 'target-group-size': 5 }],
    [
      'the overflow of the operator',
      { overflow: 'drop-head' },
      { overflow: 'reject-publish' },
      { overflow: 'reject-publish' },
    ],
    ['mirrors on more nodes', { 'ha-mode': 'exactly' }, { 'ha-mode': 'all' }, { 'ha-mode': 'all' }],
    ['mirrors on more nodes', { 'ha-mode': 'exactly' }, { 'ha-mode': 'nodes' }, { 'ha-mode': 'exactly' }],
    ['a number before a list', { 'ha-params': ['a', 'b'] }, { 'ha-params': 2 }, { 'ha-params': 2 }],
    ['the longer list', { 'ha-params': ['a', 'b'] }, { 'ha-params': ['c'] }, { 'ha-params': ['a', 'b'] }],
    ['both, in order', { expires: 5 }, { 'delivery-limit': 1 }, { 'delivery-limit': 1, expires: 5 }],
  ])('means %s', (_rule, policy, operatorPolicy, expected) => {
    expect(JSON.stringify(mergedDefinition(policy, operatorPolicy))).toBe(JSON.stringify(expected));
  });

  it('has every key once, a value that one of them named, and never a milder limit', () => {
    const limits = ['message-ttl', 'expires', 'max-length', 'max-length-bytes'];
    const definition = fc.dictionary(
      fc.constantFrom(...limits, 'overflow', 'queue-version'),
      fc.nat({ max: 3 }),
    );
    fc.assert(
      fc.property(definition, definition, (policy, operatorPolicy) => {
        const merged = mergedDefinition(policy, operatorPolicy);
        const keys = new Set([...Object.keys(policy), ...Object.keys(operatorPolicy)]);
        expect(Object.keys(merged)).toEqual([...keys].sort());
        for (const key of keys) {
          const given = [policy[key], operatorPolicy[key]].filter((value) => value !== undefined);
          const expected = limits.includes(key) ? Math.min(...given) : given.at(-1);
          expect(merged[key]).toBe(expected);
        }
        expect(mergedDefinition(merged, operatorPolicy)).toEqual(merged);
      }),
    );
  });
});
