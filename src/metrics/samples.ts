import { Slices } from '../slices.ts';
import { header, type Metric, sample } from './exposition.ts';
import type { LineThread } from './line-thread.ts';
import { Lines, type Rows, type Section } from './lines.ts';

/** How long a scrape may keep the event loop to itself; messages wait for no longer. */
const sliceMs = 1;
/** Objects between two looks at the clock. */
const objectsPerLook = 32;
/** Objects whose figures are handed on together. When there are no more than that, their lines are written in place. */
const objectsPerPortion = 512;

/** A metric that every queue, channel or connection has. Aggregated, it is the sum over all of them. */
export interface ObjectMetric<T> extends Metric {
  /** Undefined: this object has no such figure, and no line. */
  value(object: T): number | undefined;
}

/** What tells objects of a kind apart. */
export interface ObjectLabels<T> {
  readonly names: readonly string[];
  /** In the order of the names. */
  of(object: T): readonly string[];
}

/** A scrape's way through many objects, a slice at a time. */
export class Scrape {
  readonly #thread: LineThread;
  readonly #slices = new Slices(objectsPerLook, sliceMs);

  /** @param thread writes the lines of many objects */
  constructor(thread: LineThread) {
    this.#thread = thread;
  }

  /** So many objects are about to have lines: a thread that is needed for them gets ready meanwhile. */
  expect(objects: number): void {
    if (objects > objectsPerPortion) this.#thread.prepare();
  }

  /** The sum of each metric over all objects, which are looked at once. */
  async *sums<T>(metrics: readonly ObjectMetric<T>[], objects: Iterable<T>): AsyncGenerator<string> {
    const totals = metrics.map(() => 0);
    await this.each(objects, (object) => {
      for (let i = 0; i < metrics.length; i++)
        totals[i] = (totals[i] ?? 0) + (metrics[i]?.value(object) ?? 0);
    });
    yield metrics
      .map((metric, i) => {
        const name = `rabbitmq_${metric.name}`;
        return header({ ...metric, name }) + sample(name, '', totals[i] ?? 0);
      })
      .join('');
  }

  /**
   * A line for every object and metric. What the objects say is noted first, in one round: a look at an object may cost
   * more than all its lines.
   */
  async *lines<T>(
    prefix: string,
    metrics: readonly ObjectMetric<T>[],
    objects: Iterable<T>,
    labels: ObjectLabels<T>,
  ): AsyncGenerator<Uint8Array> {
    const section: Section = {
      metrics: metrics.map(({ name, type, help }) => ({ name: prefix + name, type, help })),
      labelNames: labels.names,
    };
    const portions = this.#portions(metrics, objects, labels);
    const { value: first } = await portions.next();
    const { value: second } = await portions.next();
    if (first === undefined || second === undefined)
      yield* this.#inPlace(section, first === undefined ? [] : [first]);
    else yield* this.#thread.linesOf(section, followedBy([first, second], portions));
  }

  async *#portions<T>(
    metrics: readonly ObjectMetric<T>[],
    objects: Iterable<T>,
    { of }: ObjectLabels<T>,
  ): AsyncGenerator<Rows, undefined> {
    const width = metrics.length;
    let count = 0;
    let labels: string[] = [];
    let values = new Float64Array(width * objectsPerPortion);
    for (const object of objects) {
      if (count === objectsPerPortion) {
        yield { labels, values };
        count = 0;
        labels = [];
        values = new Float64Array(width * objectsPerPortion);
      }
      labels.push(...of(object));
      for (let i = 0; i < width; i++) values[count * width + i] = metrics[i]?.value(object) ?? Number.NaN;
      count++;
      const pause = this.#slices.next();
      if (pause !== undefined) await pause;
    }
    if (count > 0) yield { labels, values: values.subarray(0, count * width) };
    return undefined;
  }

  async *#inPlace(section: Section, rows: readonly Rows[]): AsyncGenerator<Uint8Array> {
    const lines = new Lines(section);
    for (const some of rows) lines.add(some);
    const slices = new Slices(1, sliceMs);
    for (const chunk of lines.chunks()) {
      yield chunk;
      const pause = slices.next();
      if (pause !== undefined) await pause;
    }
  }

  /** Lets others have their turn now and then. */
  async each<T>(objects: Iterable<T>, look: (object: T) => void): Promise<void> {
    for (const object of objects) {
      look(object);
      const pause = this.#slices.next();
      if (pause !== undefined) await pause;
    }
  }
}

async function* followedBy<T>(first: Iterable<T>, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield* first;
  yield* rest;
}
