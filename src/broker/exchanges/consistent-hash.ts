import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { erlangBinary } from '../erlang-term.ts';
import { hashBytes, newHash, scrambled } from '../hash.ts';
import type { Message } from '../message.ts';
import type { Binding, Destination } from '../routing/binding.ts';
import type { BindingMatcher, ExchangeType } from './exchange-type.ts';
import { checkHashArguments, type HashSource, hashSource, routingKeySource } from './hash-source.ts';

const wordValues = 2 ** 32;

/** Destinations of the same weight, with a seed for each. Among them the highest draw wins whatever the weight is. */
interface Peers {
  readonly weight: number;
  readonly destinations: readonly Destination[];
  readonly seeds: Int32Array;
}

/**
 * Weighted rendezvous hashing: every destination draws a number from the message's key, and the highest one, raised
 * according to the destination's weight, wins. So one that goes gives its keys to all others by their weights, one
 * that comes takes a fair share from each, and no other key moves. There is no ring to keep, and the order in which
 * bindings came plays no part.
 */
class ConsistentHashMatcher implements BindingMatcher {
  readonly looksBeyondKey: boolean;
  readonly #source: HashSource;
  readonly #hash = newHash();
  /** The weights of its bindings, together the weight of a destination. */
  readonly #weights = new Map<Destination, number[]>();
  #peers: readonly Peers[] = [];

  constructor(source: HashSource | undefined) {
    this.looksBeyondKey = source !== undefined;
    this.#source = source ?? routingKeySource;
  }

  add({ destination, routingKey }: Binding): void {
    this.#weights.set(destination, [...(this.#weights.get(destination) ?? []), Number(routingKey)]);
    this.#group();
  }

  remove({ destination, routingKey }: Binding): void {
    const weights = this.#weights.get(destination) ?? [];
    weights.splice(weights.indexOf(Number(routingKey)), 1);
    if (weights.length === 0) this.#weights.delete(destination);
    this.#group();
  }

  #group(): void {
    const byWeight = new Map<number, Destination[]>();
    for (const [destination, weights] of this.#weights) {
      const weight = weights.reduce((sum, one) => sum + one, 0);
      byWeight.set(weight, [...(byWeight.get(weight) ?? []), destination]);
    }
    this.#peers = [...byWeight].map(([weight, destinations]) => ({
      weight,
      // A tie goes to the first: always the same one.
      destinations: destinations.sort((left, right) => (left.name < right.name ? -1 : 1)),
      seeds: Int32Array.from(destinations, seedOf),
    }));
  }

  match(_routingKeys: readonly string[], message: Message, into: Set<Destination>): void {
    this.#source(message, this.#hash);
    let winner: Destination | undefined;
    let best = Number.NEGATIVE_INFINITY;
    for (const { weight, destinations, seeds } of this.#peers) {
      const index = this.#highest(seeds);
      // The logarithm of (0, 1) is below 0; a greater weight brings it nearer.
      const score = Math.log(((this.#draw(seeds[index] ?? 0) >>> 0) + 1) / (wordValues + 1)) / weight;
      if (score <= best) continue;
      best = score;
      winner = destinations[index];
    }
    if (winner !== undefined) into.add(winner);
  }

  #highest(seeds: Int32Array): number {
    let highest = 0;
    let best = -1;
    for (let i = 0; i < seeds.length; i++) {
      const draw = this.#draw(seeds[i] ?? 0) >>> 0;
      if (draw <= best) continue;
      best = draw;
      highest = i;
    }
    return highest;
  }

  #draw(seed: number): number {
    const low = this.#hash[0] ?? 0;
    const high = this.#hash[1] ?? 0;
    return scrambled(scrambled(low ^ seed) + high);
  }
}

/** A hash of kind and name, so that the same keys come to a destination after a restart, and on every node. */
function seedOf(destination: Destination): number {
  const name = Buffer.from(`${destination.kind} ${destination.name}`);
  const hash = newHash();
  hashBytes(name, 0, name.length, hash);
  return hash[0] ?? 0;
}

/** As Erlang reads integers. @throws AmqpError 406 */
function checkWeight(routingKey: string): void {
  if (!/^[+-]?[0-9]+$/.test(routingKey)) {
    throw invalid(`The binding key must be an integer: ${erlangBinary(Buffer.from(routingKey))}`);
  }
  if (Number(routingKey) < 1) throw invalid('The binding key must be greater than 0');
}

function invalid(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, explanation);
}

/**
 * Messages with the same routing key (or header, or property) go to the same destination; the routing key of a
 * binding is the weight of its destination (RabbitMQ's plugin rabbitmq_consistent_hash_exchange).
 */
export const consistentHash: ExchangeType = {
  name: 'x-consistent-hash',
  description: 'Consistent Hashing Exchange',
  createMatcher: (all: FieldTable) => new ConsistentHashMatcher(hashSource(all)),
  checkArguments: checkHashArguments,
  checkBinding: checkWeight,
};
