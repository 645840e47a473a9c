import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FieldTable, type FieldValue } from '../../../src/protocol/field-table.ts';
import {
  array,
  bool,
  byteArray,
  decimal,
  float64,
  int32,
  int64,
  longString,
  nothing,
  table,
  timestamp,
} from '../../../src/protocol/field-value.ts';
import { refusal, TestHost } from '../support.ts';

const one = int32(1);
const text = longString;
const of = FieldTable.of;

function isRouted(wanted: FieldTable, headers: FieldTable | undefined): boolean {
  const host = new TestHost();
  host.queue('q');
  host.bind('amq.headers', 'q', '', wanted);
  return host.routes('amq.headers', 'any key', headers).length === 1;
}

describe('headers exchange', () => {
  it.each<[FieldValue, FieldValue, boolean]>([
    [one, int64(1), true],
    [one, timestamp(1), true],
    [one, float64(1), true],
    [one, text('1'), false],
    [one, bool(true), false],
    [one, decimal(0, 1), false],
    [text('1'), byteArray(Buffer.from('1')), true],
    [nothing, text('present'), true],
    [nothing, nothing, true],
    [text(''), nothing, false],
    [array([one]), array([one]), true],
    [table(of(['k', one])), table(of(['k', one])), true],
    [table(of(['k', one])), table(of(['k', int64(1)])), false],
    [decimal(1, 10), decimal(1, 10), true],
  ])('value against header, case %#', (wanted, header, expected) => {
    expect(isRouted(of(['a', wanted]), of(['a', header]))).toBe(expected);
  });

  it.each<[string, FieldTable, FieldTable | undefined, boolean]>([
    ['nothing asked', FieldTable.empty, undefined, true],
    ['any of nothing', of(['x-match', text('any')]), of(['a', one]), false],
    ['x- left out', of(['x-a', one]), of(['x-a', int32(2)]), true],
    ['any, x- left out', of(['x-match', text('any')], ['x-a', one]), of(['x-a', one]), false],
    ['any-with-x', of(['x-match', text('any-with-x')], ['x-a', one]), of(['x-a', one]), true],
    ['all-with-x', of(['x-match', text('all-with-x')], ['x-a', one]), of(['x-a', int32(2)]), false],
    ['any-with-x of nothing', of(['x-match', text('any-with-x')]), of(['x-a', one]), false],
    ['void and absent', of(['a', nothing]), of(['b', one]), false],
    ['first of two counts', of(['a', one]), of(['a', one], ['a', int32(2)]), true],
    ['second of two does not', of(['a', int32(2)]), of(['a', one], ['a', int32(2)]), false],
  ])('%s', (_, wanted, headers, expected) => {
    expect(isRouted(wanted, headers)).toBe(expected);
  });

  it.each<[FieldValue, string]>([
    [text('foo'), 'field value <<"foo">>; expected all, any, all-with-x, or any-with-x'],
    [text(''), 'field value <<>>; expected all, any, all-with-x, or any-with-x'],
    [one, 'field type signedint (value 1); expected longstr'],
    [bool(true), 'field type bool (value true); expected longstr'],
    [nothing, 'field type void (value undefined); expected longstr'],
    [byteArray(Buffer.from('all')), 'field type binary (value <<"all">>); expected longstr'],
  ])('refuses x-match, case %#', (mode, expected) => {
    const host = new TestHost();
    host.queue('q');
    const all = of(['x-match', mode]);
    expect(refusal(() => host.bind('amq.headers', 'q', '', all))).toBe(`406 Invalid x-match ${expected}`);
    expect(refusal(() => host.bind('amq.direct', 'q', '', all))).toBe('accepted');
    expect(refusal(() => host.unbind('amq.headers', 'q', '', all))).toBe('accepted');
  });

  it('finds what the rule finds', () => {
    const value = fc.constantFrom<FieldValue>(one, int64(1), int32(2), text('1'), bool(true), nothing);
    const pairs = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'x-c', 'd'), value), {
      selector: ([key]) => key,
    });
    const mode = fc.constantFrom('all', 'any', 'all-with-x', 'any-with-x');
    fc.assert(
      fc.property(fc.array(fc.tuple(mode, pairs), { maxLength: 5 }), pairs, (bindings, headers) => {
        const host = new TestHost();
        const expected = bindings.flatMap(([match, wanted], index) => {
          host.queue(`q${index}`);
          host.bind('amq.headers', `q${index}`, '', of(['x-match', text(match)], ...wanted));
          return naive(match, wanted, headers) ? [`q${index}`] : [];
        });
        expect(host.routes('amq.headers', '', of(...headers))).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });
});

type Pairs = readonly (readonly [string, FieldValue])[];

function naive(match: string, wanted: Pairs, headers: Pairs): boolean {
  const shown = (value: FieldValue): string =>
    `${typeof Reflect.get(value, 'value') === 'boolean'} ${Reflect.get(value, 'value')} ${value.tag === 'S'}`;
  const asked = wanted.filter(([key]) => match.endsWith('-with-x') || !key.startsWith('x-'));
  const isMet = ([key, value]: Pairs[number]): boolean =>
    headers.some(([name, other]) => name === key && (value.tag === 'V' || shown(value) === shown(other)));
  return match.startsWith('all') ? asked.every(isMet) : asked.some(isMet);
}
