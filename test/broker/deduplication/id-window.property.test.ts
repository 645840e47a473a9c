import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IdWindow } from '../../../src/broker/deduplication/id-window.ts';
import { newHash } from '../../../src/broker/hash.ts';

/** What the window is to be: a map in the order in which ids came, each until its time is over. */
class Model {
  /** Repeated ids included. */
  entries: { readonly id: number; readonly expiresAt: number }[] = [];

  has(id: number, now: number): boolean {
    const newest = this.entries.findLast((entry) => entry.id === id);
    return newest !== undefined && (newest.expiresAt === 0 || newest.expiresAt > now);
  }
}

/** Ids that share their first word collide in the index; few ids come again often. */
function hashOf(id: number) {
  const hash = newHash();
  hash.set([id % 3, id, 0xffff_ffff - id, 7]);
  return hash;
}

const step = fc.record({
  id: fc.nat(150),
  ttl: fc.constantFrom(0, 0, 0, 1, 5, 40),
  forget: fc.boolean(),
});

it('remembers what a list would', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), fc.integer({ min: 1, max: 130 }), (steps, size) => {
      const [window, model] = [new IdWindow(), new Model()];
      let now = 1;
      for (const { id, ttl, forget } of steps) {
        now++;
        expect(window.has(hashOf(id), now)).toBe(model.has(id, now));
        if (!model.has(id, now)) {
          if (model.entries.length === size) {
            window.forgetOldest();
            model.entries.shift();
          }
          const expiresAt = ttl === 0 ? 0 : now + ttl;
          window.add(hashOf(id), expiresAt);
          model.entries.push({ id, expiresAt });
        }
        const [oldest] = model.entries;
        const isDue = oldest !== undefined && oldest.expiresAt !== 0 && oldest.expiresAt <= now;
        expect(window.isOldestDue(now)).toBe(isDue);
        if (isDue && forget) {
          window.forgetOldest();
          model.entries.shift();
        }
        expect(window.size).toBe(model.entries.length);
      }
      for (let id = 0; id <= 150; id++) expect(window.has(hashOf(id), now)).toBe(model.has(id, now));
    }),
    { numRuns: 300 },
  );
});
