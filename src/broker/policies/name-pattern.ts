import { wordBytes } from './byte-set.ts';
import type { PatternNode, Place } from './pattern-node.ts';
import { PatternError } from './pattern-reader.ts';
import { parsePattern } from './pattern-syntax.ts';

/** Steps a pattern may be compiled to: `{n,m}` counts n to m times. */
const stepsMax = 10_000;

/** Longest pattern, in bytes. */
const patternBytesMax = 4096;

type Step =
  | { readonly op: 'bytes'; readonly set: Uint8Array }
  | { readonly op: 'place'; readonly place: Place }
  | {
      readonly op: 'look';
      readonly automaton: Automaton;
      readonly behind: boolean;
      readonly negated: boolean;
    }
  | { readonly op: 'fork'; other: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'match' };

/**
 * A regular expression that finds names (PCRE's syntax, unanchored). It follows all alternatives at once
 * instead of trying one after the other, so no pattern can hold up the broker: the time is bounded by the
 * lengths of name and pattern.
 */
export class NamePattern {
  readonly #automaton: Automaton;
  /** What most permissions say, asked for by every connection. */
  readonly #isEverything: boolean;

  /** @throws PatternError */
  constructor(pattern: string) {
    if (Buffer.byteLength(pattern) > patternBytesMax) {
      throw new PatternError(`pattern is longer than ${patternBytesMax} bytes`, patternBytesMax);
    }
    this.#isEverything = pattern === '.*';
    const compiler = new Compiler();
    this.#automaton = compiler.automaton(parsePattern(pattern), Buffer.byteLength(pattern));
  }

  /** True when the pattern is found anywhere in the name. */
  matches(name: string): boolean {
    if (this.#isEverything) return true;
    const bytes = Buffer.from(name);
    return this.#automaton.finds(bytes, 0, bytes.length, 'anywhere');
  }
}

class Compiler {
  #stepCount = 0;

  automaton(node: PatternNode, patternBytes: number): Automaton {
    const steps: Step[] = [];
    this.#compile(node, steps, patternBytes);
    steps.push({ op: 'match' });
    return new Automaton(steps);
  }

  #push(steps: Step[], step: Step, patternBytes: number): void {
    if (++this.#stepCount > stepsMax) throw new PatternError('regular expression is too large', patternBytes);
    steps.push(step);
  }

  #compile(node: PatternNode, steps: Step[], patternBytes: number): void {
    switch (node.kind) {
      case 'bytes':
        this.#push(steps, { op: 'bytes', set: node.set }, patternBytes);
        break;
      case 'place':
        this.#push(steps, { op: 'place', place: node.place }, patternBytes);
        break;
      case 'sequence':
        for (const one of node.nodes) this.#compile(one, steps, patternBytes);
        break;
      case 'look': {
        const { behind, negated } = node;
        const automaton = this.automaton(node.node, patternBytes);
        this.#push(steps, { op: 'look', automaton, behind, negated }, patternBytes);
        break;
      }
      case 'choice':
        this.#choice(node.nodes, steps, patternBytes);
        break;
      case 'repeat':
        this.#repeat(node.node, node.min, node.max, steps, patternBytes);
    }
  }

  #choice(nodes: readonly PatternNode[], steps: Step[], patternBytes: number): void {
    const ends: { op: 'jump'; to: number }[] = [];
    nodes.forEach((one, index) => {
      const fork = { op: 'fork' as const, other: 0 };
      const isLast = index === nodes.length - 1;
      if (!isLast) this.#push(steps, fork, patternBytes);
      this.#compile(one, steps, patternBytes);
      if (isLast) return;
      const end = { op: 'jump' as const, to: 0 };
      this.#push(steps, end, patternBytes);
      ends.push(end);
      fork.other = steps.length;
    });
    for (const end of ends) end.to = steps.length;
  }

  #repeat(node: PatternNode, min: number, max: number, steps: Step[], patternBytes: number): void {
    for (let i = 0; i < min; i++) this.#compileOnce(node, steps, patternBytes);
    if (max === Number.POSITIVE_INFINITY) {
      const fork = { op: 'fork' as const, other: 0 };
      const start = steps.length;
      this.#push(steps, fork, patternBytes);
      this.#compile(node, steps, patternBytes);
      this.#push(steps, { op: 'jump', to: start }, patternBytes);
      fork.other = steps.length;
      return;
    }
    const forks: { op: 'fork'; other: number }[] = [];
    for (let i = min; i < max; i++) {
      const fork = { op: 'fork' as const, other: 0 };
      this.#push(steps, fork, patternBytes);
      forks.push(fork);
      this.#compile(node, steps, patternBytes);
    }
    for (const fork of forks) fork.other = steps.length;
  }

  /** Repeating nothing takes no steps, but time: it counts as one. */
  #compileOnce(node: PatternNode, steps: Step[], patternBytes: number): void {
    if (++this.#stepCount > stepsMax) throw new PatternError('regular expression is too large', patternBytes);
    this.#compile(node, steps, patternBytes);
  }
}

/** Where a match may lie: anywhere from the start on, at the start, or exactly from the start to the end. */
type Anchor = 'anywhere' | 'start' | 'both';

class Automaton {
  readonly #steps: readonly Step[];
  /** The position at which a step was last reached, plus one: each is followed once per position. */
  readonly #reachedAt: Int32Array;
  #current: number[] = [];
  #next: number[] = [];
  readonly #pending: number[] = [];

  constructor(steps: readonly Step[]) {
    this.#steps = steps;
    this.#reachedAt = new Int32Array(steps.length);
  }

  finds(text: Buffer, from: number, to: number, anchor: Anchor): boolean {
    this.#reachedAt.fill(0);
    this.#current.length = 0;
    for (let at = from; at <= to; at++) {
      if (anchor === 'anywhere' || at === from) {
        if (this.#follow(0, text, at, this.#current) && (anchor !== 'both' || at === to)) return true;
      }
      if (this.#current.length === 0 && anchor !== 'anywhere') return false;
      if (at === to) return false;
      this.#next.length = 0;
      let isMatch = false;
      const byte = text[at] ?? 0;
      for (const index of this.#current) {
        const step = this.#steps[index];
        if (step?.op !== 'bytes' || step.set[byte] !== 1) continue;
        if (this.#follow(index + 1, text, at + 1, this.#next)) isMatch = true;
      }
      if (isMatch && (anchor !== 'both' || at + 1 === to)) return true;
      const done = this.#current;
      this.#current = this.#next;
      this.#next = done;
    }
    return false;
  }

  /** Collects the steps that take a byte and can be reached from here without one. True: the end is reached. */
  #follow(start: number, text: Buffer, at: number, reached: number[]): boolean {
    const pending = this.#pending;
    pending.length = 0;
    pending.push(start);
    let isMatch = false;
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      if (this.#reachedAt[index] === at + 1) continue;
      this.#reachedAt[index] = at + 1;
      const step = this.#steps[index];
      if (step === undefined) continue;
      if (step.op === 'match') isMatch = true;
      else if (step.op === 'bytes') reached.push(index);
      else if (step.op === 'jump') pending.push(step.to);
      else if (step.op === 'fork') pending.push(index + 1, step.other);
      else if (step.op === 'place') {
        if (isAt(step.place, text, at)) pending.push(index + 1);
      } else if (looks(step.automaton, step.behind, text, at) !== step.negated) pending.push(index + 1);
    }
    return isMatch;
  }
}

function looks(automaton: Automaton, behind: boolean, text: Buffer, at: number): boolean {
  if (!behind) return automaton.finds(text, at, text.length, 'start');
  for (let from = at; from >= 0; from--) {
    if (automaton.finds(text, from, at, 'both')) return true;
  }
  return false;
}

function isAt(place: Place, text: Buffer, at: number): boolean {
  const isEnd = at === text.length;
  switch (place) {
    case 'start':
      return at === 0;
    case 'end':
      return isEnd;
    case 'lastLineEnd':
      return isEnd || (at === text.length - 1 && text[at] === 10);
    case 'lineStart':
      return at === 0 || (text[at - 1] === 10 && !isEnd);
    case 'lineEnd':
      return isEnd || text[at] === 10;
    case 'wordEdge':
      return isWord(text, at - 1) !== isWord(text, at);
    case 'noWordEdge':
      return isWord(text, at - 1) === isWord(text, at);
  }
}

function isWord(text: Buffer, index: number): boolean {
  return wordBytes[text[index] ?? 0] === 1;
}

/** Why a pattern is no regular expression, as RabbitMQ prints it; `undefined`: it is one. */
export function patternFault(pattern: string): string | undefined {
  try {
    new NamePattern(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return `{${JSON.stringify(error.message)},${error.offset}}`;
    throw error;
  }
}
