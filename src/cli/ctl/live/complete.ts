import { isObject } from '../../../json-object.ts';
import type { Flags, GivenFlags } from '../../flags.ts';
import { Api } from '../api.ts';
import { type Command, nameOf } from '../command.ts';
import { commonFlags } from '../flags.ts';
import { formatters } from '../format.ts';
import { findTarget } from '../target.ts';
import { queryOf } from './options.ts';
import { viewNames } from './top/views.ts';

/** Nobody waits longer for a Tab. */
const timeoutSeconds = 1;
/** More names help nobody. */
const namesMax = 200;

type VocabularyCommand = Pick<Command, 'synopsis' | 'doc' | 'details' | 'flags'>;

interface Vocabulary {
  readonly commands: readonly VocabularyCommand[];
  readonly flags: Flags;
  readonly write: (text: string) => void;
}

/**
 * `__complete <words>`, for the shells' scripts: what the last word may become, one a line, a tab before what it is.
 * The words before it are those of the command line. Whatever goes wrong, there is nothing to say.
 */
export async function complete(words: readonly string[], vocabulary: Vocabulary): Promise<void> {
  const last = words.at(-1) ?? '';
  const found = await candidates(words.slice(0, -1), last, vocabulary).catch(() => []);
  const fitting = found.filter(([word]) => word.startsWith(last));
  vocabulary.write(fitting.map((parts) => `${parts.filter((part) => part !== '').join('\t')}\n`).join(''));
}

type Candidate = readonly [word: string, meaning: string];

async function candidates(
  before: readonly string[],
  last: string,
  { commands, flags: common }: Vocabulary,
): Promise<readonly Candidate[]> {
  // All flags of bench are its own, and come after it.
  const isBench = before[0] === 'bench';
  const flags = isBench ? (await import('./bench.ts')).benchFlags : common;
  const { given, flag: open } = read(before, flags);
  if (open !== undefined) return valuesOf(open, given, last, flags);
  const [, name, value] = /^--([\w-]+)=(.*)$/.exec(last) ?? [];
  if (name !== undefined && value !== undefined) {
    const values = await valuesOf(name, given, value, flags);
    return values.map(([word, meaning]) => [`--${name}=${word}`, meaning]);
  }
  const [verb, ...done] = given.words;
  const command = commands.find((each) => nameOf(each) === verb);
  if (last.startsWith('-')) {
    const all = new Set<string>([...Object.keys(commonFlags), ...(command?.flags ?? [])]);
    const known = Object.entries(flags).filter(([each]) => isBench || command === undefined || all.has(each));
    return known.map(([each, { doc }]) => [`--${each}`, doc]);
  }
  if (verb === undefined) return commands.map((each) => [nameOf(each), each.doc]);
  const expected = argumentAt(command?.synopsis ?? '', done.length);
  return expected === 'column' ? columnsOf(command) : namesFor(expected, given, last);
}

/** What an argument stands for: `queue` of `peek <queue>`. What may be repeated stands for all that follow. */
function argumentAt(synopsis: string, index: number): string {
  const [, ...all] = synopsis.split(' ');
  const isRepeated = all.at(-1) === '...';
  const names = isRepeated ? all.slice(0, -1) : all;
  const name = names[index] ?? (isRepeated ? names.at(-1) : undefined) ?? '';
  return name.replace(/[<>[\]]/g, '');
}

/** Lists say in their help which columns they have. */
function columnsOf(command: VocabularyCommand | undefined): readonly Candidate[] {
  const [, list = ''] = /^Columns: (.*)$/m.exec(command?.details ?? '') ?? [];
  return list.split(', ').map((name) => [name, '']);
}

/** The words so far; `flag` is one that waits for its value. */
function read(words: readonly string[], flags: Flags): { given: GivenFlags; flag: string | undefined } {
  const values: Record<string, string> = {};
  const rest: string[] = [];
  let open: string | undefined;
  for (const word of words) {
    const [, name, value] = /^--?([\w-]+)(?:=(.*))?$/.exec(word) ?? [];
    if (open !== undefined) {
      values[open] = word;
      open = undefined;
    } else if (name === undefined) {
      rest.push(word);
    } else {
      const [known, flag] =
        Object.entries(flags).find(([each, { alias }]) => name === each || name === alias) ?? [];
      if (known === undefined || flag?.placeholder === undefined) continue;
      if (value === undefined) open = known;
      else values[known] = value;
    }
  }
  return { given: { values, switches: new Set(), words: rest }, flag: open };
}

function valuesOf(
  flag: string,
  given: GivenFlags,
  last: string,
  flags: Flags,
): Promise<readonly Candidate[]> | readonly Candidate[] {
  switch (flag) {
    case 'formatter':
      return formatters.map((name) => [name, '']);
    case 'exchange':
    case 'to-exchange':
      return namesFor('exchange', given, last);
    case 'vhost':
    case 'queue':
      return namesFor(flag, given, last);
    default: {
      const words = flags[flag]?.placeholder?.split('|') ?? [];
      return words.length < 2 ? [] : words.map((word) => [word, '']);
    }
  }
}

/** Names of what an argument stands for: `<queue>` is one of the queues there are. */
async function namesFor(what: string, given: GivenFlags, last: string): Promise<readonly Candidate[]> {
  const vhost = encodeURIComponent(given.values['vhost'] ?? '/');
  switch (what) {
    case 'shell':
      return ['bash', 'zsh', 'fish'].map((name) => [name, '']);
    case 'what':
      return viewNames.map((name) => [name, '']);
    case 'queue':
    case 'from':
    case 'to':
      return named(given, `/api/queues/${vhost}`, last);
    case 'exchange':
      return named(given, `/api/exchanges/${vhost}`, last);
    case 'connection':
      return named(given, '/api/connections', last);
    case 'vhost':
      return named(given, '/api/vhosts', last);
    case 'user':
    case 'username':
      return named(given, '/api/users', last);
    default:
      return [];
  }
}

async function named(given: GivenFlags, path: string, last: string): Promise<readonly Candidate[]> {
  const api = new Api(() => findTarget(given), timeoutSeconds);
  // Some lists come in pages, others whole.
  const prefix = `^${last.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}`;
  const query = { columns: 'name', page: 1, page_size: namesMax, name: prefix, use_regex: true };
  const answer = await api.get(path + queryOf(query));
  const items = isObject(answer) ? answer['items'] : answer;
  const rows = Array.isArray(items) ? items.filter(isObject) : [];
  const names = rows.map(({ name }) => String(name));
  return names.flatMap((name) => (name === '' || /\p{Cc}/u.test(name) ? [] : [[name, '']]));
}
