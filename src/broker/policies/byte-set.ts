/** The bytes that pass a test, as 256 times 0 or 1. */
export function bytes(test: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (test(byte) ? 1 : 0));
}

/** Those in ASCII that a regular expression matches. */
function matching(pattern: RegExp): Uint8Array {
  return bytes((byte) => byte < 128 && pattern.test(String.fromCharCode(byte)));
}

/** The bytes that are not in the set. */
export function inverse(set: Uint8Array): Uint8Array {
  return set.map((isIn) => 1 - isIn);
}

/** Those of \w. */
export const wordBytes = matching(/\w/);
const digits = matching(/\d/);
/** Those of \s. */
export const spaces = matching(/[\t-\r ]/);
const horizontal = bytes((byte) => byte === 9 || byte === 32 || byte === 0xa0);
const vertical = bytes((byte) => (byte >= 10 && byte <= 13) || byte === 0x85);
export const noLineFeed = bytes((byte) => byte !== 10);

/** `\d` and its kin. */
export const classEscapes: ReadonlyMap<string, Uint8Array> = new Map([
  ['d', digits],
  ['D', inverse(digits)],
  ['w', wordBytes],
  ['W', inverse(wordBytes)],
  ['s', spaces],
  ['S', inverse(spaces)],
  ['h', horizontal],
  ['H', inverse(horizontal)],
  ['v', vertical],
  ['V', inverse(vertical)],
]);

/** `[:alpha:]` and its kin. */
export const posixClasses: ReadonlyMap<string, Uint8Array> = new Map([
  ['alnum', matching(/[0-9A-Za-z]/)],
  ['alpha', matching(/[A-Za-z]/)],
  ['ascii', bytes((byte) => byte < 128)],
  ['blank', matching(/[\t ]/)],
  ['cntrl', bytes((byte) => byte < 32 || byte === 127)],
  ['digit', digits],
  ['graph', matching(/[!-~]/)],
  ['lower', matching(/[a-z]/)],
  ['print', matching(/[ -~]/)],
  ['punct', matching(/[!-/:-@[-`{-~]/)],
  ['space', spaces],
  ['upper', matching(/[A-Z]/)],
  ['word', wordBytes],
  ['xdigit', matching(/[0-9A-Fa-f]/)],
]);

/** Whatever of a letter is in the set, both cases are then. ASCII only, as in RabbitMQ. */
export function addOtherCase(set: Uint8Array): void {
  for (let upper = 65; upper <= 90; upper++) {
    const lower = upper + 32;
    if (set[upper] === 1 || set[lower] === 1) set.fill(1, upper, upper + 1).fill(1, lower, lower + 1);
  }
}
