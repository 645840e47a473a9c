import { addOtherCase, classEscapes, inverse, posixClasses } from './byte-set.ts';
import { PatternError, type PatternReader } from './pattern-reader.ts';

const controlEscapes: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['e', 27],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
]);

/** A single character after a backslash, inside or outside of a class. */
export function escapedCharacter(reader: PatternReader): string {
  const letter = reader.next();
  const control = controlEscapes.get(letter);
  if (control !== undefined) return String.fromCharCode(control);
  if (letter === 'x') return numbered(reader, /\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{0,2})/y, 16);
  if (letter === 'o') return numbered(reader, /\{([0-7]+)\}/y, 8);
  if (letter === '0') return numbered(reader, /([0-7]{0,2})/y, 8);
  if (letter === 'c') {
    const code = reader.text.charCodeAt(reader.at++);
    if (Number.isNaN(code)) throw new PatternError('\\c at end of pattern', reader.text.length);
    return String.fromCharCode(String.fromCharCode(code).toUpperCase().charCodeAt(0) ^ 64);
  }
  if (/[LlUu]/.test(letter)) {
    throw new PatternError('PCRE does not support \\L, \\l, \\N{name}, \\U, or \\u', reader.at - 1);
  }
  if (/[pPXRCKN]/.test(letter)) throw new PatternError(`\\${letter} is not supported`, reader.at);
  return letter;
}

function numbered(reader: PatternReader, digitsPattern: RegExp, radix: number): string {
  const found = reader.takeMatch(digitsPattern);
  if (found === undefined) throw reader.error('missing opening brace after \\o');
  const code = Number.parseInt(found[1] ?? found[2] ?? '0', radix) || 0;
  if (code > 255) {
    throw new PatternError('character value in \\x{} or \\o{} is too large', reader.at - 1);
  }
  return String.fromCharCode(code);
}

/** What stands between [ and ], the first of which is behind the reader. */
export function characterClass(reader: PatternReader, caseless: boolean): Uint8Array {
  const opening = reader.at - 1;
  const isNegated = reader.take('^');
  const set = new Uint8Array(256);
  let isQuoting = false;
  for (let isFirst = true; ; isFirst = false) {
    if (reader.at >= reader.text.length) throw reader.error('missing terminating ] for character class');
    if (isQuoting ? reader.take('\\E') : reader.take('\\Q')) {
      isQuoting = !isQuoting;
      continue;
    }
    if (!isFirst && !isQuoting && reader.take(']')) break;
    addClassMember(reader, set, isQuoting, opening);
  }
  if (caseless) addOtherCase(set);
  return isNegated ? inverse(set) : set;
}

function addClassMember(reader: PatternReader, set: Uint8Array, isQuoting: boolean, opening: number): void {
  const from = classItem(reader, isQuoting, opening);
  const isRange = !isQuoting && reader.text[reader.at] === '-' && !/^-(\]|$)/.test(reader.rest(2));
  if (typeof from !== 'string') {
    from.forEach((isIn, byte) => {
      if (isIn === 1) set[byte] = 1;
    });
    return;
  }
  let last = from.charCodeAt(0);
  if (isRange) {
    const dash = reader.at++;
    const to = classItem(reader, false, opening);
    if (typeof to !== 'string') {
      throw new PatternError(
        'invalid range in character class',
        reader.text[dash + 1] === '[' ? dash + 1 : reader.at - 1,
      );
    }
    if (to < from) throw new PatternError('range out of order in character class', reader.at - 1);
    last = to.charCodeAt(0);
  }
  set.fill(1, from.charCodeAt(0), last + 1);
}

/** One character, or the set behind `\d` or `[:alpha:]`. */
function classItem(reader: PatternReader, isQuoting: boolean, opening: number): string | Uint8Array {
  const start = reader.at;
  const next = reader.next();
  if (isQuoting) return next;
  if (next === '[') {
    if (/[.=]/.test(reader.text[reader.at] ?? '') && /^[.=][^\]]*[.=]\]/.test(reader.text.slice(reader.at))) {
      throw new PatternError('POSIX collating elements are not supported', opening + 1);
    }
    const posix = reader.takeMatch(/:(\^?)([a-z]*):\]/y);
    if (posix === undefined) return next;
    const set = posixClasses.get(posix[2] ?? '');
    if (set === undefined) throw new PatternError('unknown POSIX class name', start + 2);
    return posix[1] === '^' ? inverse(set) : set;
  }
  if (next !== '\\') return next;
  const letter = reader.text[reader.at];
  if (letter === undefined) throw reader.error('\\ at end of pattern');
  const set = classEscapes.get(letter);
  if (set !== undefined) {
    reader.at++;
    return set;
  }
  if (letter === 'b') {
    reader.at++;
    return '\b';
  }
  return /[1-7]/.test(letter) ? numbered(reader, /([0-7]{1,3})/y, 8) : escapedCharacter(reader);
}
