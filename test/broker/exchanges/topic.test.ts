import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TopicMatcher, topic } from '../../../src/broker/exchanges/topic.ts';
import { Binding, type Destination } from '../../../src/broker/routing/binding.ts';
import { Exchange } from '../../../src/broker/routing/exchange.ts';
import { FieldTable } from '../../../src/protocol/field-table.ts';
import { messageOf } from '../support.ts';

const source = new Exchange({ name: 'source', type: topic, durable: false });
const message = messageOf('', '');

/** A destination called like the pattern that leads to it. */
function bindingOf(pattern: string): Binding {
  const destination = new Exchange({ name: pattern, type: topic, durable: false });
  return new Binding(source, destination, pattern, FieldTable.empty);
}

function matched(matcher: TopicMatcher, routingKey: string): string[] {
  const found = new Set<Destination>();
  matcher.match([routingKey], message, found);
  return [...found].map(({ name }) => name).sort();
}

const wordsOf = (text: string): string[] => (text === '' ? [] : text.split('.'));

/** The rule word for word, as slow as can be. */
function matches([word, ...rest]: string[], key: string[]): boolean {
  if (word === undefined) return key.length === 0;
  if (word === '#') return matches(rest, key) || (key.length > 0 && matches([word, ...rest], key.slice(1)));
  return key.length > 0 && (word === '*' || word === key[0]) && matches(rest, key.slice(1));
}

const words = fc.array(fc.constantFrom('a', 'b', '', '*', '#', 'a*'), { maxLength: 5 });
const patterns = words.map((list) => list.join('.'));
const keys = fc
  .array(fc.constantFrom('a', 'b', 'c', '', 'a*'), { maxLength: 6 })
  .map((list) => list.join('.'));

describe('topic exchange', () => {
  it.each([
    ['a.*', 'a.', true],
    ['*.*', '.', true],
    ['#', '', true],
    ['*', '', false],
    ['', '', true],
    ['#.a', 'a', true],
    ['*.#', '', false],
    ['*.#', 'a', true],
    ['a.#', 'a', true],
    ['a..b', 'a..b', true],
    ['a.b', 'a..b', false],
    ['a*', 'ab', false],
    ['a*', 'a*', true],
    ['A', 'a', false],
    ['#.#', 'a.b', true],
  ])('pattern %j, key %j: %j', (pattern, key, expected) => {
    const matcher = new TopicMatcher();
    matcher.add(bindingOf(pattern));
    expect(matched(matcher, key)).toEqual(expected ? [pattern] : []);
  });

  it('finds what the rule finds, whatever was bound and unbound before', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(patterns, { maxLength: 12 }),
        fc.array(fc.nat(11)),
        keys,
        (bound, gone, key) => {
          const matcher = new TopicMatcher();
          const bindings = new Map(bound.map((pattern) => [pattern, bindingOf(pattern)]));
          for (const binding of bindings.values()) matcher.add(binding);
          for (const index of gone) {
            const binding = bindings.get(bound[index] ?? '-');
            if (binding === undefined) continue;
            matcher.remove(binding);
            bindings.delete(binding.routingKey);
          }
          const expected = [...bindings.keys()].filter((pattern) => matches(wordsOf(pattern), wordsOf(key)));
          expect(matched(matcher, key)).toEqual(expected.sort());
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('is not slowed down by many # and long keys', () => {
    const matcher = new TopicMatcher();
    matcher.add(bindingOf(`${'#.a.'.repeat(30)}#.b`));
    expect(matched(matcher, `${'a.'.repeat(120)}c`)).toEqual([]);
    expect(matched(matcher, `${'a.'.repeat(120)}b`)).toHaveLength(1);
  });
});
