import type { CertificateFiles } from '../tls/options.ts';

/**
 * How the text of a setting becomes a value. The same text means the same in a flag, in the
 * environment and in the configuration file.
 */
export interface ValueType<T> {
  /** What to write in the place of the value in a synopsis, such as `<bytes>`. */
  readonly placeholder: string;
  /** Completes the sentence "... is not <expected>". */
  readonly expected: string;
  /** `undefined` when the text is not a value of this type. */
  parse(text: string): { readonly value: T } | undefined;
}

/** Any text but the empty one. */
export const text: ValueType<string> = {
  placeholder: '<text>',
  expected: 'a text',
  parse: (given) => (given === '' ? undefined : { value: given }),
};

/** A file or directory; relative ones start at the working directory. */
export const path: ValueType<string> = { ...text, placeholder: '<path>', expected: 'a path' };

/** An address of the web. */
export const url: ValueType<string> = {
  placeholder: '<url>',
  expected: 'a URL that begins with http:// or https://',
  parse: (given) => (/^https?:\/\//.test(given) && URL.canParse(given) ? { value: given } : undefined),
};

/** A file or directory, or `none`, a word that no path is. */
export const pathOrNone: ValueType<string> = {
  ...path,
  placeholder: '<path>|none',
  expected: 'a path, or none',
};

/** User names; `none` is nobody. RabbitMQ's `loopback_users.guest = false` also means nobody, `true` means guest. */
export const userNames: ValueType<readonly string[]> = {
  placeholder: '<user,...>|none',
  expected: 'a list of user names with commas between them, or none',
  parse: (given) => {
    if (given === 'none' || given === 'false') return { value: [] };
    if (given === 'true') return { value: ['guest'] };
    const names = given.split(',').map((name) => name.trim());
    return names.includes('') ? undefined : { value: names };
  },
};

/** A whole number within bounds, both included. */
export function integer(min: number, max: number, unit = 'n', noun = 'a whole number'): ValueType<number> {
  return {
    placeholder: `<${unit}>`,
    expected: `${noun} from ${min} to ${max}`,
    parse: (given) => bounded(/^\d+$/.test(given) ? Number(given) : Number.NaN, min, max),
  };
}

/** A whole number from 1, or `none` for no limit. */
export const countOrNone: ValueType<number> = {
  placeholder: '<n>|none',
  expected: 'a whole number from 1 to 1000000, or none',
  parse: (given) =>
    given === 'none' ? { value: Number.POSITIVE_INFINITY } : integer(1, 1_000_000).parse(given),
};

/** A TCP port; 0 takes any free one. */
export const port: ValueType<number> = integer(0, 65_535, 'port', 'a port');

/** A TCP port, or `none` for no listener; as a word, where no value means the default. */
export const portOrNoneWord: ValueType<number | 'none'> = {
  placeholder: '<port>|none',
  expected: `${port.expected}, or none`,
  parse: (given) => (given === 'none' ? { value: given } : port.parse(given)),
};

/** A TCP port, or `none` for no listener. */
export const portOrNone: ValueType<number | undefined> = {
  placeholder: '<port>|none',
  expected: `${port.expected}, or none`,
  parse: (given) => (given === 'none' ? { value: undefined } : port.parse(given)),
};

/** Ten years: longer than anybody waits. */
const millisecondsMax = 315_360_000_000;

/** A time in milliseconds, at least 1, or `none`; rabbitmq.conf and its documentation also write 0 or `undefined`. */
export const millisecondsOrNone: ValueType<number> = {
  placeholder: '<ms>|none',
  expected: `a number of milliseconds from 1 to ${millisecondsMax}, or none`,
  parse: (given) =>
    ['none', 'undefined', '0'].includes(given)
      ? { value: Number.POSITIVE_INFINITY }
      : integer(1, millisecondsMax).parse(given),
};

/** Units as in rabbitmq.conf: one letter and `iB` count in powers of 1024, `kB`, `MB` and `GB` in powers of 1000. */
const bytesPerUnit: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['k', 2 ** 10],
  ['ki', 2 ** 10],
  ['kib', 2 ** 10],
  ['kb', 1e3],
  ['m', 2 ** 20],
  ['mi', 2 ** 20],
  ['mib', 2 ** 20],
  ['mb', 1e6],
  ['g', 2 ** 30],
  ['gi', 2 ** 30],
  ['gib', 2 ** 30],
  ['gb', 1e9],
]);

/** A number of bytes, with or without a unit: `131072`, `128KiB`, `1GB`. */
export function size(min: number, max: number): ValueType<number> {
  return {
    placeholder: '<bytes>',
    expected: `a size from ${min} to ${max} bytes (units such as MiB and GB are understood)`,
    parse: (given) => {
      const match = /^(\d+)\s*([a-z]*)$/i.exec(given);
      const unit = bytesPerUnit.get(match?.[2]?.toLowerCase() ?? '');
      return match === null || unit === undefined ? undefined : bounded(Number(match[1]) * unit, min, max);
    },
  };
}

/** A share of a whole: above 0, at most 1. */
export const share: ValueType<number> = {
  placeholder: '<share>',
  expected: 'a share above 0 and not above 1, such as 0.6',
  parse: (given) => {
    const value = /^\d*\.?\d+$/.test(given) ? Number(given) : 0;
    return value > 0 && value <= 1 ? { value } : undefined;
  },
};

/** A share of a whole, none of it included. */
export const shareOrNothing: ValueType<number> = {
  placeholder: '<share>',
  expected: 'a share from 0 to 1, such as 0.01',
  parse: (given) => bounded(/^\d*\.?\d+$/.test(given) ? Number(given) : Number.NaN, 0, 1),
};

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): ValueType<T> {
  return {
    placeholder: words.join('|'),
    expected: `one of ${words.join(', ')}`,
    parse: (given) => {
      const value = words.find((word) => word === given);
      return value === undefined ? undefined : { value };
    },
  };
}

/** `true` or `false`. */
export const flag: ValueType<boolean> = {
  placeholder: 'true|false',
  expected: 'true or false',
  parse: (given) => (given === 'true' || given === 'false' ? { value: given === 'true' } : undefined),
};

/** Several of a type, with commas or spaces between. In the file they may have a line each: `key.1`, `key.2`. */
export function list<T>(type: ValueType<T>): ValueType<readonly T[]> {
  return {
    placeholder: `${type.placeholder},...`,
    expected: `a list, each ${type.expected}`,
    parse: (given) => {
      const parsed = given.split(/[\s,]+/).map((item) => type.parse(item));
      const values = parsed.flatMap((item) => (item === undefined ? [] : [item.value]));
      return values.length === parsed.length ? { value: values } : undefined;
    },
  };
}

/** The file of a certificate, and behind a colon that of its key, if that is another. */
export const certificateFiles: ValueType<CertificateFiles> = {
  placeholder: '<path>[:<path>]',
  expected: 'a path, or two with a colon between',
  parse: (given) => {
    const [certFile = '', keyFile, ...more] = given.split(':');
    if (certFile === '' || keyFile === '' || more.length > 0) return undefined;
    return { value: { certFile, keyFile } };
  },
};

function bounded(value: number, min: number, max: number): { value: number } | undefined {
  return value >= min && value <= max ? { value } : undefined;
}
