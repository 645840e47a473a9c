/** What a broker uses, from /proc (Linux): memory and CPU time of a process and all its descendants. */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of /proc are 1/100 s on every Linux that Node.js runs on (sysconf(_SC_CLK_TCK)). */
const tickUs = 10_000;

export interface Usage {
  /** Memory that is not backed by files: what the process really costs, in MiB. */
  readonly rssAnonMib: number;
  /** User and system time since the process started, in microseconds. */
  readonly cpuUs: number;
  /** The same for the main thread of the first process alone: an event loop. */
  readonly mainThreadUs: number;
}

export function usageOf(pid: number): Usage {
  let rssAnonKib = 0;
  let ticks = 0;
  for (const each of withDescendants(pid)) {
    rssAnonKib += Number(/^RssAnon:\s+(\d+) kB$/m.exec(contents(each, 'status'))?.[1] ?? 0);
    ticks += ticksOf(statOf(each));
  }
  const mainThreadUs = ticksOf(fieldsOf(contents(pid, `task/${pid}/stat`))) * tickUs;
  return { rssAnonMib: rssAnonKib / 1024, cpuUs: ticks * tickUs, mainThreadUs };
}

function withDescendants(pid: number): Set<number> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statOf(Number(name))[1]);
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [Number(name)]);
    else siblings.push(Number(name));
  }
  const found = new Set([pid]);
  // A Set hands out what is added while it is walked.
  for (const each of found) for (const child of children.get(each) ?? []) found.add(child);
  return found;
}

/** The fields of /proc/pid/stat from the third one (state) on; none when the process is gone. */
function statOf(pid: number): readonly string[] {
  return fieldsOf(contents(pid, 'stat'));
}

function ticksOf(stat: readonly string[]): number {
  return Number(stat[11] ?? 0) + Number(stat[12] ?? 0);
}

function fieldsOf(text: string): readonly string[] {
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function contents(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** How many files (and so connections) a process may have open. */
export function openFilesMax(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const hard = /^Max open files\s+\d+\s+(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}
