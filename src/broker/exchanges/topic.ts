import type { Message } from '../message.ts';
import type { Binding, Destination } from '../routing/binding.ts';
import { Destinations } from './destinations.ts';
import type { BindingMatcher, ExchangeType } from './exchange-type.ts';

const wordSeparator = '.';
/** Any one word. */
const star = '*';
/** Any number of words, none included. */
const hash = '#';

/** An empty key has no words; elsewhere an empty word is a word. */
function wordsOf(key: string): readonly string[] {
  return key === '' ? [] : key.split(wordSeparator);
}

/** The end of a path of words. */
class Node {
  readonly isHash: boolean;
  /** By word; `*` and `#` among them. */
  readonly children = new Map<string, Node>();
  readonly destinations = new Destinations();
  /** The step of a match in which this node was last reached. */
  reachedAt = 0;

  constructor(isHash: boolean) {
    this.isHash = isHash;
  }

  get isUnused(): boolean {
    return this.children.size === 0 && this.destinations.isEmpty;
  }
}

/**
 * The patterns of an exchange as a tree of words.
 *
 * A routing key is matched against all of them at once: word by word, from the nodes reached so far to the
 * next ones. Each node is reached at most once per word, so no pattern, however many `#` it has, can make
 * that take longer than words times nodes.
 */
export class TopicMatcher implements BindingMatcher {
  readonly looksBeyondKey = false;
  readonly #root = new Node(false);
  #step = 0;

  add({ routingKey, destination }: Binding): void {
    let node = this.#root;
    for (const word of wordsOf(routingKey)) {
      let child = node.children.get(word);
      if (child === undefined) {
        child = new Node(word === hash);
        node.children.set(word, child);
      }
      node = child;
    }
    node.destinations.add(destination);
  }

  remove({ routingKey, destination }: Binding): void {
    const words = wordsOf(routingKey);
    const path = [this.#root];
    for (const word of words) {
      const child = path.at(-1)?.children.get(word);
      if (child === undefined) return;
      path.push(child);
    }
    path.at(-1)?.destinations.remove(destination);
    for (let depth = words.length; depth > 0 && path[depth]?.isUnused; depth--) {
      path[depth - 1]?.children.delete(words[depth - 1] ?? '');
    }
  }

  match(routingKeys: readonly string[], _message: Message, into: Set<Destination>): void {
    for (const routingKey of routingKeys) this.#matchKey(routingKey, into);
  }

  #matchKey(routingKey: string, into: Set<Destination>): void {
    this.#step++;
    let reached: Node[] = [];
    this.#reach(this.#root, reached);
    for (const word of wordsOf(routingKey)) {
      this.#step++;
      const next: Node[] = [];
      for (const node of reached) {
        this.#reach(node.children.get(word), next);
        this.#reach(node.children.get(star), next);
        if (node.isHash) this.#reach(node, next);
      }
      reached = next;
    }
    for (const node of reached) node.destinations.collect(into);
  }

  /** A node is reached, and with it the `#` behind it, which stands for no word as well. */
  #reach(node: Node | undefined, into: Node[]): void {
    let next = node;
    while (next !== undefined && next.reachedAt !== this.#step) {
      next.reachedAt = this.#step;
      into.push(next);
      next = next.children.get(hash);
    }
  }
}

/** Patterns of words: `stock.*.nyse`, `stock.#` (specification, section 3.1.3.3). */
export const topic: ExchangeType = {
  name: 'topic',
  description: 'AMQP topic exchange, as per the AMQP specification',
  createMatcher: () => new TopicMatcher(),
};
