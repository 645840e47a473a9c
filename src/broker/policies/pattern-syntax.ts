import { addOtherCase, bytes, classEscapes, inverse, noLineFeed, posixClasses, spaces } from './byte-set.ts';
import { hasFixedLength, type PatternNode, type Place } from './pattern-node.ts';

/** Largest number in a quantifier, as in PCRE. */
const repeatMax = 65_535;

/** Groups in groups: deeper ones would end on the stack. PCRE's own limit. */
const nestingMax = 250;

/** A pattern that is no regular expression: PCRE's words and the offset, in bytes, at which it gave up. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

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

const controlEscapes: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['e', 27],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
]);

/** Recursive descent over a string with one character per byte. */
class PatternParser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #flags = noFlags;
  /** Between \Q and \E everything is literal. */
  #isQuoting = false;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#text.length) throw this.#error('unmatched parentheses');
    return node;
  }

  #choice(): PatternNode {
    const nodes = [this.#sequence()];
    while (this.#take('|')) nodes.push(this.#sequence());
    const [only] = nodes;
    return nodes.length === 1 && only !== undefined ? only : { kind: 'choice', nodes };
  }

  #sequence(): PatternNode {
    const nodes: PatternNode[] = [];
    for (;;) {
      this.#skipIgnored();
      const next = this.#text[this.#at];
      if (next === undefined || (!this.#isQuoting && (next === '|' || next === ')'))) break;
      const node = this.#isQuoting ? this.#literal(this.#next()) : this.#atom();
      if (node !== undefined) nodes.push(this.#repeated(node));
    }
    return { kind: 'sequence', nodes };
  }

  /** Quotation marks, comments, and in extended mode white space. */
  #skipIgnored(): void {
    for (;;) {
      if (this.#isQuoting) {
        if (!this.#take('\\E')) return;
        this.#isQuoting = false;
      } else if (this.#take('\\Q')) this.#isQuoting = true;
      else if (this.#take('(?#')) this.#skipComment();
      else if (!this.#take('\\E') && !this.#skipSpace()) return;
    }
  }

  #skipComment(): void {
    const end = this.#text.indexOf(')', this.#at);
    this.#at = end < 0 ? this.#text.length : end + 1;
    if (end < 0) throw this.#error('missing ) after comment');
  }

  #skipSpace(): boolean {
    if (!this.#flags.extended) return false;
    const next = this.#text[this.#at];
    if (next === '#') {
      const end = this.#text.indexOf('\n', this.#at);
      this.#at = end < 0 ? this.#text.length : end + 1;
      return true;
    }
    if (next === undefined || spaces[next.charCodeAt(0)] !== 1) return false;
    this.#at++;
    return true;
  }

  /** `undefined` for what matches nothing by itself and cannot be repeated: `(?i)`. */
  #atom(): PatternNode | undefined {
    const start = this.#at;
    const next = this.#next();
    switch (next) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'bytes', set: this.#class() };
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
    const start = this.#at;
    const times = this.#quantifier();
    if (times === undefined) return node;
    if (node.kind === 'place') throw new PatternError('nothing to repeat', start);
    if (this.#take('+')) throw this.#error('possessive quantifiers are not supported');
    this.#take('?');
    return this.#repeatedAgain({ kind: 'repeat', node, ...times });
  }

  /** PCRE takes a{2}{3}, but no second quantifier of one character. */
  #repeatedAgain(node: PatternNode): PatternNode {
    const start = this.#at;
    const times = this.#quantifier();
    if (times === undefined) return node;
    if (this.#text[start] !== '{') throw new PatternError('nothing to repeat', start);
    this.#take('?');
    return this.#repeatedAgain({ kind: 'repeat', node, ...times });
  }

  #quantifier(): { min: number; max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#take('+')) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#take('?')) return { min: 0, max: 1 };
    const found = this.#takeMatch(/\{(\d+)(?:(,)(\d*))?\}/y);
    if (found === undefined) return undefined;
    const [, least = '', comma, most = ''] = found;
    const min = Number(least);
    const max = comma === undefined ? min : most === '' ? Number.POSITIVE_INFINITY : Number(most);
    if (min > repeatMax || (max > repeatMax && most !== '')) {
      throw new PatternError('number too big in {} quantifier', this.#at - 1);
    }
    if (max < min) throw new PatternError('numbers out of order in {} quantifier', this.#at - 1);
    return { min, max };
  }

  #group(): PatternNode | undefined {
    if (this.#text[this.#at] === '*') {
      if (/^\*[A-Z]/.test(this.#text.slice(this.#at))) throw this.#error('verbs are not supported');
      throw this.#error('nothing to repeat');
    }
    const before = this.#flags;
    if (!this.#take('?')) return this.#groupBody(before);
    if (this.#take(':') || this.#take('|')) return this.#groupBody(before);
    if (this.#take('=')) return this.#look(before, false, false);
    if (this.#take('!')) return this.#look(before, false, true);
    if (this.#take('<=')) return this.#look(before, true, false);
    if (this.#take('<!')) return this.#look(before, true, true);
    if (this.#take('>')) throw this.#error('atomic groups are not supported');
    if (this.#take('P<') || this.#take('<')) return this.#named(before, '>');
    if (this.#take("'")) return this.#named(before, "'");
    return this.#flagged(before);
  }

  #named(before: Flags, end: string): PatternNode {
    if (/[0-9]/.test(this.#text[this.#at] ?? '')) throw this.#error('group name must start with a non-digit');
    const name = this.#takeMatch(/\w*/y);
    if (name === undefined || !this.#take(end)) {
      throw this.#error('syntax error in subpattern name (missing terminator)');
    }
    return this.#groupBody(before);
  }

  /** `(?i)` until the end of the group around it, `(?i:...)` for its own. */
  #flagged(before: Flags): PatternNode | undefined {
    let on = true;
    for (;;) {
      const start = this.#at;
      if (this.#take(')')) return undefined;
      if (this.#take(':')) return this.#groupBody(before);
      const letter = this.#text[this.#at++] ?? '';
      const flags = flagLetters.get(letter);
      if (letter === '-' && on) on = false;
      else if (flags === undefined) {
        if (/[R0-9&PC(+]/.test(letter)) {
          throw new PatternError('recursion, conditions and callouts are not supported', start);
        }
        throw new PatternError('unrecognized character after (? or (?-', Math.min(start, this.#text.length));
      } else {
        const changed = Object.fromEntries(Object.keys(flags).map((flag) => [flag, on]));
        this.#flags = { ...this.#flags, ...changed };
      }
    }
  }

  #groupBody(before: Flags): PatternNode {
    if (++this.#depth > nestingMax) throw this.#error('parentheses are too deeply nested');
    const node = this.#choice();
    if (this.#text[this.#at] !== ')') throw this.#error('missing )');
    this.#at++;
    this.#depth--;
    this.#flags = before;
    return node.kind === 'place' ? { kind: 'sequence', nodes: [node] } : node;
  }

  #look(before: Flags, behind: boolean, negated: boolean): PatternNode {
    const node = this.#groupBody(before);
    if (behind && !hasFixedLength(node)) {
      throw new PatternError('lookbehind assertion is not fixed length', this.#at - 1);
    }
    return { kind: 'look', node, behind, negated };
  }

  #escape(): PatternNode {
    const start = this.#at;
    const letter = this.#text[start];
    if (letter === undefined) throw this.#error('\\ at end of pattern');
    const place = placeEscapes.get(letter);
    const set = letter === 'N' ? noLineFeed : classEscapes.get(letter);
    if (place !== undefined || set !== undefined) this.#at++;
    if (place !== undefined) return { kind: 'place', place };
    if (set !== undefined) return { kind: 'bytes', set };
    if (/[1-9gk]/.test(letter)) throw this.#error('back references are not supported');
    return this.#literal(this.#escapedCharacter());
  }

  /** A single character after a backslash, inside or outside of a class. */
  #escapedCharacter(): string {
    const letter = this.#next();
    const control = controlEscapes.get(letter);
    if (control !== undefined) return String.fromCharCode(control);
    if (letter === 'x') return this.#numbered(/\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{0,2})/y, 16);
    if (letter === 'o') return this.#numbered(/\{([0-7]+)\}/y, 8);
    if (letter === '0') return this.#numbered(/([0-7]{0,2})/y, 8);
    if (letter === 'c') {
      const code = this.#text.charCodeAt(this.#at++);
      if (Number.isNaN(code)) throw new PatternError('\\c at end of pattern', this.#text.length);
      return String.fromCharCode(String.fromCharCode(code).toUpperCase().charCodeAt(0) ^ 64);
    }
    if (/[LlUu]/.test(letter)) {
      throw new PatternError('PCRE does not support \\L, \\l, \\N{name}, \\U, or \\u', this.#at - 1);
    }
    if (/[pPXRCKN]/.test(letter)) throw new PatternError(`\\${letter} is not supported`, this.#at);
    return letter;
  }

  #numbered(digitsPattern: RegExp, radix: number): string {
    const found = this.#takeMatch(digitsPattern);
    if (found === undefined) throw this.#error('missing opening brace after \\o');
    const code = Number.parseInt(found[1] ?? found[2] ?? '0', radix) || 0;
    if (code > 255) {
      throw new PatternError('character value in \\x{} or \\o{} is too large', this.#at - 1);
    }
    return String.fromCharCode(code);
  }

  /** What stands between [ and ]. */
  #class(): Uint8Array {
    const opening = this.#at - 1;
    const isNegated = this.#take('^');
    const set = new Uint8Array(256);
    let isQuoting = false;
    for (let isFirst = true; ; isFirst = false) {
      if (this.#at >= this.#text.length) throw this.#error('missing terminating ] for character class');
      if (isQuoting ? this.#take('\\E') : this.#take('\\Q')) {
        isQuoting = !isQuoting;
        continue;
      }
      if (!isFirst && !isQuoting && this.#take(']')) break;
      this.#classMember(set, isQuoting, opening);
    }
    if (this.#flags.caseless) addOtherCase(set);
    return isNegated ? inverse(set) : set;
  }

  #classMember(set: Uint8Array, isQuoting: boolean, opening: number): void {
    const from = this.#classItem(isQuoting, opening);
    const isRange = !isQuoting && this.#text[this.#at] === '-' && !/^-(\]|$)/.test(this.#rest(2));
    if (typeof from !== 'string') {
      from.forEach((isIn, byte) => {
        if (isIn === 1) set[byte] = 1;
      });
      return;
    }
    let last = from.charCodeAt(0);
    if (isRange) {
      const dash = this.#at++;
      const to = this.#classItem(false, opening);
      if (typeof to !== 'string') {
        throw new PatternError(
          'invalid range in character class',
          this.#text[dash + 1] === '[' ? dash + 1 : this.#at - 1,
        );
      }
      if (to < from) throw new PatternError('range out of order in character class', this.#at - 1);
      last = to.charCodeAt(0);
    }
    set.fill(1, from.charCodeAt(0), last + 1);
  }

  /** One character, or the set behind `\d` or `[:alpha:]`. */
  #classItem(isQuoting: boolean, opening: number): string | Uint8Array {
    const start = this.#at;
    const next = this.#next();
    if (isQuoting) return next;
    if (next === '[') {
      if (/[.=]/.test(this.#text[this.#at] ?? '') && /^[.=][^\]]*[.=]\]/.test(this.#text.slice(this.#at))) {
        throw new PatternError('POSIX collating elements are not supported', opening + 1);
      }
      const posix = this.#takeMatch(/:(\^?)([a-z]*):\]/y);
      if (posix === undefined) return next;
      const set = posixClasses.get(posix[2] ?? '');
      if (set === undefined) throw new PatternError('unknown POSIX class name', start + 2);
      return posix[1] === '^' ? inverse(set) : set;
    }
    if (next !== '\\') return next;
    const letter = this.#text[this.#at];
    if (letter === undefined) throw this.#error('\\ at end of pattern');
    const set = classEscapes.get(letter);
    if (set !== undefined) {
      this.#at++;
      return set;
    }
    if (letter === 'b') {
      this.#at++;
      return '\b';
    }
    return /[1-7]/.test(letter) ? this.#numbered(/([0-7]{1,3})/y, 8) : this.#escapedCharacter();
  }

  #literal(character: string): PatternNode {
    const set = new Uint8Array(256);
    set[character.charCodeAt(0)] = 1;
    if (this.#flags.caseless) addOtherCase(set);
    return { kind: 'bytes', set };
  }

  #next(): string {
    return this.#text[this.#at++] ?? '';
  }

  #rest(length: number): string {
    return this.#text.slice(this.#at, this.#at + length);
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  /** `pattern` is sticky. */
  #takeMatch(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    if (found !== undefined) this.#at += found[0].length;
    return found;
  }

  #error(message: string): PatternError {
    return new PatternError(message, this.#at);
  }
}
