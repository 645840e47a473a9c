import { addOtherCase, bytes, classEscapes, noLineFeed, spaces } from './byte-set.ts';
import { characterClass, escapedCharacter } from './pattern-characters.ts';
import { hasFixedLength, type PatternNode, type Place } from './pattern-node.ts';
import { PatternError, PatternReader } from './pattern-reader.ts';

/** Largest number in a quantifier, as in PCRE. */
const repeatMax = 65_535;

/** Groups in groups: deeper ones would end on the stack. PCRE's own limit. */
const nestingMax = 250;

/**
 * The syntax of the patterns in policies: PCRE, as far as an automaton can follow it, over the bytes of a
 * name in UTF-8, as RabbitMQ matches them.
 *
 * Not supported, and refused by name: back references, recursion, conditions, atomic groups, possessive
 * quantifiers, Unicode properties, callouts and verbs. Lazy quantifiers count as greedy: a match is a match.
 *
 * @throws PatternError
 */
export function parsePattern(pattern: string): PatternNode {
  return new PatternParser(Buffer.from(pattern).toString('latin1')).parse();
}

interface Flags {
  /** i */
  readonly caseless: boolean;
  /** m */
  readonly multiline: boolean;
  /** s */
  readonly dotAll: boolean;
  /** x */
  readonly extended: boolean;
}

const noFlags: Flags = { caseless: false, multiline: false, dotAll: false, extended: false };

const flagLetters: ReadonlyMap<string, Partial<Record<keyof Flags, boolean>>> = new Map([
  ['i', { caseless: true }],
  ['m', { multiline: true }],
  ['s', { dotAll: true }],
  ['x', { extended: true }],
  // Ungreedy and duplicate names make no difference here.
  ['U', {}],
  ['J', {}],
]);

const placeEscapes: ReadonlyMap<string, Place> = new Map([
  ['A', 'start'],
  ['G', 'start'],
  ['z', 'end'],
  ['Z', 'lastLineEnd'],
  ['b', 'wordEdge'],
  ['B', 'noWordEdge'],
]);

/** Recursive descent over a string with one character per byte. */
class PatternParser {
  readonly #reader: PatternReader;
  #depth = 0;
  #flags = noFlags;
  /** Between \Q and \E everything is literal. */
  #isQuoting = false;

  constructor(text: string) {
    this.#reader = new PatternReader(text);
  }

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#reader.at < this.#reader.text.length) throw this.#reader.error('unmatched parentheses');
    return node;
  }

  #choice(): PatternNode {
    const nodes = [this.#sequence()];
    while (this.#reader.take('|')) nodes.push(this.#sequence());
    const [only] = nodes;
    return nodes.length === 1 && only !== undefined ? only : { kind: 'choice', nodes };
  }

  #sequence(): PatternNode {
    const nodes: PatternNode[] = [];
    for (;;) {
      this.#skipIgnored();
      const next = this.#reader.text[this.#reader.at];
      if (next === undefined || (!this.#isQuoting && (next === '|' || next === ')'))) break;
      const node = this.#isQuoting ? this.#literal(this.#reader.next()) : this.#atom();
      if (node !== undefined) nodes.push(this.#repeated(node));
    }
    return { kind: 'sequence', nodes };
  }

  /** Quotation marks, comments, and in extended mode white space. */
  #skipIgnored(): void {
    for (;;) {
      if (this.#isQuoting) {
        if (!this.#reader.take('\\E')) return;
        this.#isQuoting = false;
      } else if (this.#reader.take('\\Q')) this.#isQuoting = true;
      else if (this.#reader.take('(?#')) this.#skipComment();
      else if (!this.#reader.take('\\E') && !this.#skipSpace()) return;
    }
  }

  #skipComment(): void {
    const end = this.#reader.text.indexOf(')', this.#reader.at);
    this.#reader.at = end < 0 ? this.#reader.text.length : end + 1;
    if (end < 0) throw this.#reader.error('missing ) after comment');
  }

  #skipSpace(): boolean {
    if (!this.#flags.extended) return false;
    const next = this.#reader.text[this.#reader.at];
    if (next === '#') {
      const end = this.#reader.text.indexOf('\n', this.#reader.at);
      this.#reader.at = end < 0 ? this.#reader.text.length : end + 1;
      return true;
    }
    if (next === undefined || spaces[next.charCodeAt(0)] !== 1) return false;
    this.#reader.at++;
    return true;
  }

  /** `undefined` for what matches nothing by itself and cannot be repeated: `(?i)`. */
  #atom(): PatternNode | undefined {
    const start = this.#reader.at;
    const next = this.#reader.next();
    switch (next) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'bytes', set: characterClass(this.#reader, this.#flags.caseless) };
      case '.':
        return { kind: 'bytes', set: this.#flags.dotAll ? bytes(() => true) : noLineFeed };
      case '^':
        return { kind: 'place', place: this.#flags.multiline ? 'lineStart' : 'start' };
      case '$':
        return { kind: 'place', place: this.#flags.multiline ? 'lineEnd' : 'lastLineEnd' };
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
        throw new PatternError('nothing to repeat', start);
      default:
        return this.#literal(next);
    }
  }

  #repeated(node: PatternNode): PatternNode {
    this.#skipIgnored();
    if (this.#isQuoting) return node;
    const start = this.#reader.at;
    const times = this.#quantifier();
    if (times === undefined) return node;
    if (node.kind === 'place') throw new PatternError('nothing to repeat', start);
    if (this.#reader.take('+')) throw this.#reader.error('possessive quantifiers are not supported');
    this.#reader.take('?');
    return this.#repeatedAgain({ kind: 'repeat', node, ...times });
  }

  /** PCRE takes a{2}{3}, but no second quantifier of one character. */
  #repeatedAgain(node: PatternNode): PatternNode {
    const start = this.#reader.at;
    const times = this.#quantifier();
    if (times === undefined) return node;
    if (this.#reader.text[start] !== '{') throw new PatternError('nothing to repeat', start);
    this.#reader.take('?');
    return this.#repeatedAgain({ kind: 'repeat', node, ...times });
  }

  #quantifier(): { min: number; max: number } | undefined {
    if (this.#reader.take('*')) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#reader.take('+')) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#reader.take('?')) return { min: 0, max: 1 };
    const found = this.#reader.takeMatch(/\{(\d+)(?:(,)(\d*))?\}/y);
    if (found === undefined) return undefined;
    const [, least = '', comma, most = ''] = found;
    const min = Number(least);
    const max = comma === undefined ? min : most === '' ? Number.POSITIVE_INFINITY : Number(most);
    if (min > repeatMax || (max > repeatMax && most !== '')) {
      throw new PatternError('number too big in {} quantifier', this.#reader.at - 1);
    }
    if (max < min) throw new PatternError('numbers out of order in {} quantifier', this.#reader.at - 1);
    return { min, max };
  }

  #group(): PatternNode | undefined {
    if (this.#reader.text[this.#reader.at] === '*') {
      if (/^\*[A-Z]/.test(this.#reader.text.slice(this.#reader.at)))
        throw this.#reader.error('verbs are not supported');
      throw this.#reader.error('nothing to repeat');
    }
    const before = this.#flags;
    if (!this.#reader.take('?')) return this.#groupBody(before);
    if (this.#reader.take(':') || this.#reader.take('|')) return this.#groupBody(before);
    if (this.#reader.take('=')) return this.#look(before, false, false);
    if (this.#reader.take('!')) return this.#look(before, false, true);
    if (this.#reader.take('<=')) return this.#look(before, true, false);
    if (this.#reader.take('<!')) return this.#look(before, true, true);
    if (this.#reader.take('>')) throw this.#reader.error('atomic groups are not supported');
    if (this.#reader.take('P<') || this.#reader.take('<')) return this.#named(before, '>');
    if (this.#reader.take("'")) return this.#named(before, "'");
    return this.#flagged(before);
  }

  #named(before: Flags, end: string): PatternNode {
    if (/[0-9]/.test(this.#reader.text[this.#reader.at] ?? ''))
      throw this.#reader.error('group name must start with a non-digit');
    const name = this.#reader.takeMatch(/\w*/y);
    if (name === undefined || !this.#reader.take(end)) {
      throw this.#reader.error('syntax error in subpattern name (missing terminator)');
    }
    return this.#groupBody(before);
  }

  /** `(?i)` until the end of the group around it, `(?i:...)` for its own. */
  #flagged(before: Flags): PatternNode | undefined {
    let on = true;
    for (;;) {
      const start = this.#reader.at;
      if (this.#reader.take(')')) return undefined;
      if (this.#reader.take(':')) return this.#groupBody(before);
      const letter = this.#reader.text[this.#reader.at++] ?? '';
      const flags = flagLetters.get(letter);
      if (letter === '-' && on) on = false;
      else if (flags === undefined) {
        if (/[R0-9&PC(+]/.test(letter)) {
          throw new PatternError('recursion, conditions and callouts are not supported', start);
        }
        throw new PatternError(
          'unrecognized character after (? or (?-',
          Math.min(start, this.#reader.text.length),
        );
      } else {
        const changed = Object.fromEntries(Object.keys(flags).map((flag) => [flag, on]));
        this.#flags = { ...this.#flags, ...changed };
      }
    }
  }

  #groupBody(before: Flags): PatternNode {
    if (++this.#depth > nestingMax) throw this.#reader.error('parentheses are too deeply nested');
    const node = this.#choice();
    if (this.#reader.text[this.#reader.at] !== ')') throw this.#reader.error('missing )');
    this.#reader.at++;
    this.#depth--;
    this.#flags = before;
    return node.kind === 'place' ? { kind: 'sequence', nodes: [node] } : node;
  }

  #look(before: Flags, behind: boolean, negated: boolean): PatternNode {
    const node = this.#groupBody(before);
    if (behind && !hasFixedLength(node)) {
      throw new PatternError('lookbehind assertion is not fixed length', this.#reader.at - 1);
    }
    return { kind: 'look', node, behind, negated };
  }

  #escape(): PatternNode {
    const start = this.#reader.at;
    const letter = this.#reader.text[start];
    if (letter === undefined) throw this.#reader.error('\\ at end of pattern');
    const place = placeEscapes.get(letter);
    const set = letter === 'N' ? noLineFeed : classEscapes.get(letter);
    if (place !== undefined || set !== undefined) this.#reader.at++;
    if (place !== undefined) return { kind: 'place', place };
    if (set !== undefined) return { kind: 'bytes', set };
    if (/[1-9gk]/.test(letter)) throw this.#reader.error('back references are not supported');
    return this.#literal(escapedCharacter(this.#reader));
  }

  #literal(character: string): PatternNode {
    const set = new Uint8Array(256);
    set[character.charCodeAt(0)] = 1;
    if (this.#flags.caseless) addOtherCase(set);
    return { kind: 'bytes', set };
  }
}
