import { Slices } from '../slices.ts';
import { header, type Labels, labelText, type Metric, numberText, sample } from './exposition.ts';

/** How long a scrape may keep the event loop to itself; messages wait for no longer. */
const sliceMs = 1;
/** Objects, or lines, between two looks at the clock. */
const itemsPerLook = 32;
/** Written to the socket at once. */
const chunkBytes = 65_536;
/** More than the digits of any number. */
const numberBytesMax = 32;

const space = 0x20;
const newline = 0x0a;
const zero = 0x30;

/** A metric that every queue, channel or connection has. Aggregated, it is the sum over all of them. */
export interface ObjectMetric<T> extends Metric {
  /** Undefined: this object has no such figure, and no line. */
  value(object: T): number | undefined;
}

/** A scrape's way through many objects, a slice at a time. */
export class Scrape {
  readonly #slices = new Slices(itemsPerLook, sliceMs);

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
   * A line for every object and metric. All lines of a metric have to stand together, so what the objects say is
   * noted first, in one round: a look at an object may cost more than all its lines.
   */
  async *lines<T>(
    prefix: string,
    metrics: readonly ObjectMetric<T>[],
    objects: Iterable<T>,
    labelsOf: (object: T) => Labels,
  ): AsyncGenerator<Buffer> {
    const labels: Buffer[] = [];
    const columns = metrics.map((): (number | undefined)[] => []);
    await this.each(objects, (object) => {
      labels.push(Buffer.from(labelText(labelsOf(object))));
      for (let i = 0; i < metrics.length; i++) columns[i]?.push(metrics[i]?.value(object));
    });
    const chunk = new Chunk();
    for (const [i, metric] of metrics.entries()) {
      const name = Buffer.from(prefix + metric.name);
      const full = chunk.add(Buffer.from(header({ ...metric, name: prefix + metric.name })));
      if (full !== undefined) yield full;
      const column = columns[i] ?? [];
      for (let row = 0; row < labels.length; row++) {
        const value = column[row];
        const labelled = labels[row];
        if (value !== undefined && labelled !== undefined) {
          const written = chunk.addSample(name, labelled, value);
          if (written !== undefined) yield written;
        }
        const pause = this.#slices.next();
        if (pause !== undefined) await pause;
      }
    }
    yield chunk.take();
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

/**
 * Lines as bytes, as they go to the socket. Text that is put together as strings takes three times as long, and all of
 * it is garbage.
 */
class Chunk {
  #bytes = Buffer.allocUnsafeSlow(chunkBytes);
  #length = 0;

  /** What was there before, if the line had no room beside it. */
  addSample(name: Buffer, labels: Buffer, value: number): Buffer | undefined {
    const full = this.#makeRoom(name.length + labels.length + numberBytesMax);
    const bytes = this.#bytes;
    bytes.set(name, this.#length);
    this.#length += name.length;
    bytes.set(labels, this.#length);
    this.#length += labels.length;
    bytes[this.#length++] = space;
    // Most figures of most queues have one digit.
    if (value >= 0 && value < 10 && Number.isInteger(value)) bytes[this.#length++] = zero + value;
    else this.#length += bytes.write(numberText(value), this.#length, 'latin1');
    bytes[this.#length++] = newline;
    return full;
  }

  /** What was there before, if `text` had no room beside it. */
  add(text: Buffer): Buffer | undefined {
    const full = this.#makeRoom(text.length);
    this.#bytes.set(text, this.#length);
    this.#length += text.length;
    return full;
  }

  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.allocUnsafeSlow(chunkBytes);
    this.#length = 0;
    return taken;
  }

  #makeRoom(bytes: number): Buffer | undefined {
    return this.#length + bytes <= this.#bytes.length ? undefined : this.take();
  }
}
