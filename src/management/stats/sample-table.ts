import { History, type Resolution } from './history.ts';
import type { Range } from './ranges.ts';

/** How a count changes: RabbitMQ's `X_details`. */
export interface Details {
  /** Change a second between the last two samples. */
  readonly rate: number;
  /** With a range: the mean, the mean change a second, and the values, newest first. */
  readonly avg?: number;
  readonly avg_rate?: number;
  readonly samples?: readonly { readonly sample: number; readonly timestamp: number }[];
}

/** How the sum of some columns of one object changes. */
export type Changes<Column extends string> = (columns: readonly Column[]) => Details;

/** What is sampled of each object, how finely and for how many. */
export interface SampleTableOptions<Item, Column extends string> {
  readonly columns: readonly Column[];
  /** The present values of the columns. */
  values(item: Item): readonly number[];
  readonly resolutions: readonly Resolution[];
  /** Objects of which more than the last two samples are kept, as long as they change. */
  readonly historiesMax: number;
}

/** The ticks that samples are taken at. */
export interface Ticks {
  /** Of the last one. */
  readonly tick: number;
  readonly intervalMs: number;
}

const unchanged: Details = { rate: 0 };

interface Track {
  /** When the values last changed. */
  tick: number;
  /** When the object was last there. */
  seenAt: number;
  readonly values: Float64Array;
  /** What they were before. */
  readonly previous: Float64Array;
  history: History | undefined;
}

/**
 * Samples of all objects of one kind. Objects to which nothing happens cost a look and no memory; a change
 * costs two rows, and a history as long as there is room for one.
 */
export class SampleTable<Item extends object, Column extends string> {
  readonly #options: SampleTableOptions<Item, Column>;
  readonly #ticks: Ticks;
  readonly #tracks = new Map<Item, Track>();
  #historyCount = 0;

  constructor(ticks: Ticks, options: SampleTableOptions<Item, Column>) {
    this.#ticks = ticks;
    this.#options = options;
  }

  /** Looks at an object; once for each tick. */
  sample(item: Item): void {
    const { tick } = this.#ticks;
    const values = this.#options.values(item);
    let track = this.#tracks.get(item);
    if (track !== undefined) track.seenAt = tick;
    if (track === undefined) {
      if (values.every((value) => value === 0)) return;
      const size = values.length;
      track = {
        tick: 0,
        seenAt: tick,
        values: new Float64Array(size),
        previous: new Float64Array(size),
        history: undefined,
      };
      this.#tracks.set(item, track);
    } else if (track.values.every((value, column) => value === values[column])) {
      return;
    }
    track.previous.set(track.values);
    track.values.set(values);
    track.tick = tick;
    if (track.history === undefined && this.#historyCount < this.#options.historiesMax) {
      track.history = new History(values.length, this.#options.resolutions);
      this.#historyCount++;
      // Charts start where nothing had happened yet.
      track.history.record(tick - 1, track.previous);
    }
    track.history?.record(tick, values);
  }

  /** At the end of a tick: forgets objects that were not there, and the histories of those to which nothing has happened for long. */
  sweep(): void {
    const reach = Math.max(...this.#options.resolutions.map(({ every, count }) => every * count));
    const { tick } = this.#ticks;
    for (const [item, track] of this.#tracks) {
      const isGone = track.seenAt < tick;
      if (track.history !== undefined && (isGone || track.tick < tick - reach)) {
        track.history = undefined;
        this.#historyCount--;
      }
      if (isGone) this.#tracks.delete(item);
    }
  }

  /** One object, for whoever asks for several of its columns; without `range` only rates are told. */
  changesOf(item: Item, range: Range | undefined): Changes<Column> {
    return (columns) => this.details(item, columns, range);
  }

  /** How the sum of some columns changes. */
  details(item: Item, columns: readonly Column[], range: Range | undefined): Details {
    const { tick, intervalMs } = this.#ticks;
    const track = this.#tracks.get(item);
    // Most of very many objects: nothing has happened to them.
    if (track === undefined && range === undefined) return unchanged;
    const indexes = columns.map((column) => this.#options.columns.indexOf(column));
    const sum = (value: (column: number) => number) =>
      indexes.reduce((total, index) => total + value(index), 0);
    const change =
      track?.tick === tick ? sum((column) => (track.values[column] ?? 0) - (track.previous[column] ?? 0)) : 0;
    const rate = change / (intervalMs / 1000);
    if (range === undefined) return { rate };
    if (track !== undefined && track.history === undefined) {
      // There are more objects than there is room for: only the last two samples are known.
      const latest = sum((column) => track.values[column] ?? 0);
      const samples = [latest, latest - change].map((sample, back) => ({
        sample,
        timestamp: (tick - back) * intervalMs,
      }));
      return { rate, samples };
    }
    const age = (range.ageSeconds * 1000) / intervalMs;
    const step = (range.stepSeconds * 1000) / intervalMs;
    const samples: { sample: number; timestamp: number }[] = [];
    for (let back = 0; back <= age + 1e-9; back += step) {
      const at = Math.floor(tick - back);
      const sample = sum((column) => valueAt(track, at, column, age));
      samples.push({ sample, timestamp: at * intervalMs });
    }
    return { rate, ...averages(samples, range.stepSeconds), samples };
  }
}

function valueAt(track: Track | undefined, tick: number, column: number, age: number): number {
  if (track === undefined) return 0;
  if (tick >= track.tick) return track.values[column] ?? 0;
  return track.history?.at(tick, column, age) ?? 0;
}

/** `samples`, newest first, are so many seconds apart. */
function averages(samples: readonly { readonly sample: number }[], stepSeconds: number) {
  const total = samples.reduce((sum, { sample }) => sum + sample, 0);
  const change = (samples[0]?.sample ?? 0) - (samples.at(-1)?.sample ?? 0);
  const seconds = (samples.length - 1) * stepSeconds;
  return { avg: total / Math.max(1, samples.length), avg_rate: seconds === 0 ? 0 : change / seconds };
}
