import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfirmLedger } from '../../src/server/publishing/confirms.ts';

/** Marks each publish with the answer it got; answering one twice or covering a refused one is an error. */
class Answers {
  readonly of = new Map<number, 'ack' | 'nack'>();

  constructor(published: () => number) {
    this.#published = published;
  }

  readonly #published: () => number;

  ack(deliveryTag: number, multiple: boolean): void {
    expect(deliveryTag).toBeLessThanOrEqual(this.#published());
    let from = deliveryTag;
    while (multiple && from > 1 && !this.of.has(from - 1)) from--;
    for (let tag = from; tag <= deliveryTag; tag++) this.#note(tag, 'ack');
  }

  nack(deliveryTag: number): void {
    this.#note(deliveryTag, 'nack');
  }

  #note(tag: number, answer: 'ack' | 'nack'): void {
    expect(this.of.has(tag)).toBe(false);
    this.of.set(tag, answer);
  }
}

describe('confirm ledger', () => {
  test('a commit of many publishes is one acknowledgement', () => {
    const ledger = new ConfirmLedger();
    const frames: string[] = [];
    const sink = {
      ack: (tag: number, multiple: boolean) => frames.push(`ack ${tag} ${multiple}`),
      nack: (tag: number) => frames.push(`nack ${tag}`),
    };
    for (let i = 0; i < 500; i++) ledger.accepted(1);
    ledger.accepted(2);
    expect(ledger.answer(0, sink)).toBe(true);
    expect(ledger.answer(1, sink)).toBe(true);
    expect(ledger.answer(2, sink)).toBe(false);
    expect(frames).toEqual(['ack 500 true', 'ack 501 false']);
  });

  test('a refused publish is never covered by an acknowledgement of several', () => {
    const ledger = new ConfirmLedger();
    const frames: string[] = [];
    const sink = {
      ack: (tag: number, multiple: boolean) => frames.push(`ack ${tag} ${multiple}`),
      nack: (tag: number) => frames.push(`nack ${tag}`),
    };
    ledger.accepted(0);
    ledger.accepted(0);
    ledger.refused();
    ledger.accepted(0);
    ledger.accepted(0);
    ledger.answer(0, sink);
    expect(frames).toEqual(['ack 2 true', 'nack 3', 'ack 5 true']);
  });

  test('every publish is answered once, in order, and not before its commit', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('accept' as const), waits: fc.boolean() }),
      fc.record({ do: fc.constant('refuse' as const) }),
      fc.record({ do: fc.constant('commit' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const ledger = new ConfirmLedger();
        const needs: number[] = [];
        const refused = new Set<number>();
        const answers = new Answers(() => needs.length);
        let done = 0;
        for (const { do: action, ...rest } of steps) {
          if (action === 'accept') {
            const commit = 'waits' in rest && rest.waits ? done + 1 : 0;
            needs.push(commit);
            ledger.accepted(commit);
          } else if (action === 'refuse') {
            needs.push(0);
            refused.add(needs.length);
            ledger.refused();
          } else {
            done++;
          }
          ledger.answer(done, answers);
          for (const [tag, answer] of answers.of) {
            expect(needs[tag - 1]).toBeLessThanOrEqual(done);
            expect(answer).toBe(refused.has(tag) ? 'nack' : 'ack');
          }
        }
        ledger.answer(done + 1, answers);
        expect(answers.of.size).toBe(needs.length);
        expect(ledger.unconfirmedCount).toBe(0);
      }),
    );
  });
});
