import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { consistentHash } from '../../../src/broker/exchanges/consistent-hash.ts';
import { fanout } from '../../../src/broker/exchanges/fanout.ts';
import { Binding, type Destination } from '../../../src/broker/routing/binding.ts';
import { Exchange } from '../../../src/broker/routing/exchange.ts';
import { FieldTable } from '../../../src/protocol/field-table.ts';
import { int32, longString } from '../../../src/protocol/field-value.ts';
import { messageOf, refusal, TestHost } from '../support.ts';

const of = FieldTable.of;
const keys = Array.from({ length: 300 }, (_, i) => `order-${i}`);

/** An exchange whose destinations and weights can be changed. */
class Ring {
  readonly exchange = new Exchange({ name: 'ring', type: consistentHash, durable: true });
  readonly #bindings = new Map<string, Binding>();

  constructor(weights: Iterable<readonly [string, number]>) {
    for (const [name, weight] of weights) this.add(name, weight);
  }

  add(name: string, weight: number): void {
    const destination = new Exchange({ name, type: fanout, durable: true });
    const binding = new Binding(this.exchange, destination, String(weight), FieldTable.empty);
    this.#bindings.set(name, binding);
    this.exchange.addBinding(binding);
  }

  remove(name: string): void {
    const binding = this.#bindings.get(name);
    if (binding !== undefined) this.exchange.removeBinding(binding);
  }

  place(key: string): string | undefined {
    const found = new Set<Destination>();
    this.exchange.matcher.match([key], messageOf('ring', key), found);
    expect(found.size).toBeLessThanOrEqual(1);
    return [...found][0]?.name;
  }

  places(): Map<string, string | undefined> {
    return new Map(keys.map((key) => [key, this.place(key)]));
  }
}

const weight = fc.integer({ min: 1, max: 5 });
const members = fc.uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 8 }), weight), {
  selector: ([name]) => name,
  minLength: 2,
  maxLength: 12,
});

describe('x-consistent-hash', () => {
  it('moves the keys of a destination that goes, and no others', () => {
    fc.assert(
      fc.property(members, fc.nat(), (weights, choice) => {
        const ring = new Ring(weights);
        const before = ring.places();
        const [gone = ''] = weights[choice % weights.length] ?? [];
        ring.remove(gone);
        for (const [key, place] of ring.places()) {
          if (before.get(key) === gone) expect(place).not.toBe(gone);
          else expect(place).toBe(before.get(key));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('moves keys to a destination that comes, and nowhere else', () => {
    fc.assert(
      fc.property(members, weight, (weights, newWeight) => {
        const ring = new Ring(weights);
        const before = ring.places();
        ring.add('the new one', newWeight);
        for (const [key, place] of ring.places()) {
          if (place !== 'the new one') expect(place).toBe(before.get(key));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('does not care in which order bindings came', () => {
    fc.assert(
      fc.property(members, (weights) => {
        expect(new Ring(weights.toReversed()).places()).toEqual(new Ring(weights).places());
      }),
      { numRuns: 40 },
    );
  });

  it('shares keys out by weight', () => {
    const weights = new Map(Array.from({ length: 10 }, (_, i) => [`q${i}`, i < 5 ? 1 : 3] as const));
    const ring = new Ring(weights);
    const counts = new Map<string, number>();
    const total = 20_000;
    for (let i = 0; i < total; i++) {
      const place = ring.place(`customer/${i}`) ?? '';
      counts.set(place, (counts.get(place) ?? 0) + 1);
    }
    for (const [name, share] of weights) {
      const expected = (total * share) / 20;
      expect(Math.abs((counts.get(name) ?? 0) - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
  });

  it('adds the weights of several bindings of one queue', () => {
    const host = new TestHost();
    host.exchange('x', 'x-consistent-hash');
    for (const queue of ['a', 'b']) host.queue(queue);
    host.bind('x', 'a', '1');
    host.bind('x', 'a', '9');
    host.bind('x', 'b', '1');
    const countOfB = () => keys.filter((key) => host.routes('x', key)[0] === 'b').length;
    expect(countOfB()).toBeLessThan(60);
    host.unbind('x', 'a', '9');
    expect(Math.abs(countOfB() - 150)).toBeLessThan(50);
    host.unbind('x', 'a', '1');
    expect(countOfB()).toBe(300);
  });

  it('remembers routes by routing key only where nothing else counts', () => {
    const host = new TestHost();
    host.exchange('by key', 'x-consistent-hash');
    host.exchange('by header', 'x-consistent-hash', of(['hash-header', longString('h')]));
    for (const name of ['a', 'b', 'c', 'd']) {
      host.queue(name);
      host.bind('by key', name, '1');
      host.bind('by header', name, '1');
    }
    const places = new Set(keys.flatMap((_, i) => host.routes('by header', 'same', of(['h', int32(i)]))));
    expect([...places].sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(
      new Set(keys.flatMap((key) => host.routes('by key', 'same', of(['h', longString(key)])))).size,
    ).toBe(1);
  });

  it('refuses arguments of another type', () => {
    const host = new TestHost();
    const declare = (key: string) => () => host.exchange('x', 'x-consistent-hash', of([key, int32(1)]));
    const text = (key: string) => `406 Invalid argument 1, '${key}' must be a string`;
    expect(refusal(declare('hash-header'))).toBe(text('hash-header'));
    expect(refusal(declare('hash-property'))).toBe(text('hash-property'));
  });
});

describe('x-random and x-modulus-hash', () => {
  it('keep to what is still bound', () => {
    for (const type of ['x-random', 'x-modulus-hash']) {
      const host = new TestHost();
      host.exchange('x', type);
      for (const name of ['a', 'b', 'c']) {
        host.queue(name);
        host.bind('x', name, 'k');
      }
      host.unbind('x', 'b', 'k');
      expect([...new Set(keys.flatMap((key) => host.routes('x', key)))].sort()).toEqual(['a', 'c']);
      host.deleteQueue('a');
      host.deleteQueue('c');
      expect(host.routes('x', 'k')).toEqual([]);
    }
  });
});

describe('x-local-random', () => {
  it('picks one of the classic queues that are bound, and lets nothing else be bound', () => {
    const host = new TestHost();
    host.exchange('x', 'x-local-random');
    for (const name of ['a', 'b']) {
      host.queue(name);
      host.bind('x', name, '');
    }
    const routes = keys.map((key) => host.routes('x', key));
    expect(routes.every((names) => names.length === 1)).toBe(true);
    expect([...new Set(routes.flat())].sort()).toEqual(['a', 'b']);
    expect(refusal(() => host.bind('x', 'a', 'k'))).toBe("406 Non empty binding 'k' key not permitted");
    host.exchange('y', 'fanout');
    expect(refusal(() => host.bindExchange('x', 'y', ''))).toBe('406 Destination not found');
  });
});
