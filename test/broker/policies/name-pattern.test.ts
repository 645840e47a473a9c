import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NamePattern } from '../../../src/broker/policies/name-pattern.ts';
import { PatternError } from '../../../src/broker/policies/pattern-reader.ts';

function fault(pattern: string): string | undefined {
  try {
    new NamePattern(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return `${error.message} ${error.offset}`;
    throw error;
  }
}

describe('NamePattern', () => {
  it.each([
    ['', 'anything', true],
    ['orders', 'eu.orders.1', true],
    ['^orders', 'eu.orders', false],
    ['^(?!amq\\.).*', 'amq.gen-x', false],
    ['^(?!amq\\.).*', 'orders', true],
    ['(?<!dead)-letter$', 'dead-letter', false],
    ['(?<!dead)-letter$', 'live-letter', true],
    ['^[[:alpha:]]+[^[:digit:]]$', 'abc', true],
    ['^[]a]+$', ']a]', true],
    ['^a{2,3}$', 'aaaa', false],
    ['^a{2,}$', 'aaaa', true],
    ['a{,3}', 'a{,3}', true],
    ['(?i)^ORDERS$', 'orders', true],
    ['^x(?i:Y)z$', 'xyz', true],
    ['^x(?i:Y)z$', 'xyZ', false],
    ['^\\Qa.b\\E$', 'a.b', true],
    ['^\\Qa.b\\E$', 'axb', false],
    ['\\borders\\b', 'eu.orders.x', true],
    ['(?x) ^ a b $ # nothing else', 'ab', true],
    ['(?P<zone>eu|us)-\\d+\\z', 'us-12', true],
    ['^.$', 'é', false],
    ['^..$', 'é', true],
    ['^a$', 'a\n', true],
    ['^a\\z', 'a\n', false],
    ['\\x41\\x{42}\\0103', 'AB\x083', true],
    ['^(|a)+$', 'aaa', true],
    ['^((a|bc)*d)?$', 'abcad', true],
  ])('%j in %j: %s', (pattern, name, expected) => {
    expect(new NamePattern(pattern).matches(name)).toBe(expected);
  });

  it.each([
    ['(', 'missing ) 1'],
    ['[', 'missing terminating ] for character class 1'],
    ['a**', 'nothing to repeat 2'],
    ['*', 'nothing to repeat 0'],
    ['^*', 'nothing to repeat 1'],
    ['a|*', 'nothing to repeat 2'],
    ['(?i)*', 'nothing to repeat 4'],
    ['(*)', 'nothing to repeat 1'],
    ['a??*', 'nothing to repeat 3'],
    ['\\', '\\ at end of pattern 1'],
    ['(?<n', 'syntax error in subpattern name (missing terminator) 4'],
    ['(?<1a>x)', 'group name must start with a non-digit 3'],
    ['[z-a]', 'range out of order in character class 3'],
    ['[a-\\d]', 'invalid range in character class 4'],
    ['[a-[:digit:]]', 'invalid range in character class 3'],
    ['a{2,1}', 'numbers out of order in {} quantifier 5'],
    ['a{70000}', 'number too big in {} quantifier 7'],
    [')', 'unmatched parentheses 0'],
    ['a)b', 'unmatched parentheses 1'],
    ['(?z)', 'unrecognized character after (? or (?- 2'],
    ['[[:foo:]]', 'unknown POSIX class name 3'],
    ['[[.a.]]', 'POSIX collating elements are not supported 1'],
    ['(?<=a*)b', 'lookbehind assertion is not fixed length 6'],
    ['(?<=(a|bc))d', 'lookbehind assertion is not fixed length 10'],
    ['(?#a', 'missing ) after comment 4'],
    ['\\x{100}', 'character value in \\x{} or \\o{} is too large 6'],
  ])('refuses %j with the words of PCRE', (pattern, expected) => {
    expect(fault(pattern)).toBe(expected);
  });

  it.each(['(a)\\1', '(?>a)', 'a++', '(?R)', '(?(1)a)', '\\p{L}', '(*ANY)a'])(
    'refuses %j by name',
    (pattern) => {
      expect(fault(pattern)).toMatch(/not supported/);
    },
  );

  it('bounds the size of a pattern', () => {
    expect(fault('a{1000}{1000}')).toMatch(/too large/);
    expect(fault('(){60000}{60000}')).toMatch(/too large/);
    expect(fault('a'.repeat(4097))).toMatch(/longer than/);
    expect(fault('('.repeat(1000))).toMatch(/too deeply nested/);
  });

  it('is not held up by patterns that backtracking chokes on', () => {
    const name = `${'a'.repeat(254)}!`;
    expect(new NamePattern('^(a+)+$').matches(name)).toBe(false);
    expect(new NamePattern('^(a|aa)*$').matches(name)).toBe(false);
    expect(new NamePattern('.*.*.*.*.*x').matches(name)).toBe(false);
  });

  it('agrees with JavaScript where the syntax is the same', () => {
    const part = fc.constantFrom(
      'a',
      'b',
      '.',
      '^',
      '$',
      '[ab]',
      '[^a]',
      '(a|b)',
      '(?:ab)',
      '(?=a)',
      '(?!b)',
      '\\b',
    );
    const quantified = fc
      .tuple(part, fc.constantFrom('', '', '*', '+', '?', '{2}', '{0,2}', '*?'))
      .filter(([one, times]) => times === '' || !/^[$^\\(]/.test(one) || /^\((a\||\?:)/.test(one))
      .map((both) => both.join(''));
    const sequence = fc.array(quantified, { maxLength: 5 }).map((parts) => parts.join(''));
    const pattern = fc.oneof(
      sequence,
      fc.tuple(sequence, sequence).map(([left, right]) => `(${left}|${right})+${left}`),
    );
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' '), maxLength: 8 });
    fc.assert(
      fc.property(pattern, name, (source, text) => {
        expect(new NamePattern(source).matches(text)).toBe(new RegExp(source).test(text));
      }),
      { numRuns: 2000 },
    );
  });
});
