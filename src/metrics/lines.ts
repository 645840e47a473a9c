import { header, labelPairs, type Metric, numberText } from './exposition.ts';

/** Written to the socket at once. */
const chunkBytes = 262_144;
/** More than the digits of any number. */
const numberBytesMax = 32;

const space = 0x20;
const newline = 0x0a;
const zero = 0x30;

/** Lines as they go to the socket. */
export type Chunk = Uint8Array<ArrayBuffer>;

/** Metrics that all objects of a kind have. */
export interface Section {
  readonly metrics: readonly Metric[];
  /** Of the labels that tell objects apart. */
  readonly labelNames: readonly string[];
}

/** What some objects say. */
export interface Rows {
  /** The labels of the first object, in the order of their names, then those of the second, and so on. */
  readonly labels: readonly string[];
  /** The figures of the first object, in the order of the metrics, and so on. NaN: it has no such figure, and no line. */
  readonly values: Float64Array<ArrayBuffer>;
}

/**
 * The lines of a section. Those of a metric have to stand together, so everything
 * that the objects say is known before the first line. Text that is put together as strings takes three times as long.
 */
export function* linesOf(
  { metrics, labelNames }: Section,
  rows: readonly Rows[],
): Generator<Chunk, undefined> {
  const labels = rows.flatMap((some) => labelTexts(labelNames, some.labels));
  const longest = labels.reduce((most, { length }) => Math.max(most, length), 0);
  const chunk = new ChunkInTheMaking();
  for (const [column, metric] of metrics.entries()) {
    const name = Buffer.from(metric.name);
    const lineBytesMax = name.length + longest + numberBytesMax;
    const announcement = Buffer.from(header(metric));
    if (!chunk.hasRoom(announcement.length)) yield chunk.take();
    chunk.add(announcement);
    let row = 0;
    for (const { values } of rows) {
      for (let i = column; i < values.length; i += metrics.length) {
        const [text, value] = [labels[row++], values[i]];
        if (text === undefined || value === undefined || Number.isNaN(value)) continue;
        if (!chunk.hasRoom(lineBytesMax)) yield chunk.take();
        chunk.add(name);
        chunk.add(text);
        chunk.addValue(value);
      }
    }
  }
  yield chunk.take();
  return undefined;
}

/** `{vhost="/",queue="orders"}` of each object. */
function labelTexts(names: readonly string[], values: readonly string[]): Buffer[] {
  const texts: Buffer[] = [];
  for (let i = 0; i < values.length; i += names.length)
    texts.push(Buffer.from(labelPairs(names.map((name, j) => [name, values[i + j] ?? '']))));
  return texts;
}

class ChunkInTheMaking {
  #bytes = new Uint8Array(chunkBytes);
  #length = 0;

  hasRoom(bytes: number): boolean {
    return this.#length + bytes <= chunkBytes;
  }

  /** Byte by byte: it is a few dozen of them, and `set` takes longer to begin. */
  add(text: Uint8Array): void {
    const bytes = this.#bytes;
    const at = this.#length;
    for (let i = 0; i < text.length; i++) bytes[at + i] = text[i] ?? 0;
    this.#length = at + text.length;
  }

  /** A value, and the end of its line. */
  addValue(value: number): void {
    const bytes = this.#bytes;
    bytes[this.#length++] = space;
    // Most figures of most queues have one digit.
    if (value >= 0 && value < 10 && Number.isInteger(value)) bytes[this.#length++] = zero + value;
    else this.add(Buffer.from(numberText(value)));
    bytes[this.#length++] = newline;
  }

  take(): Chunk {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(chunkBytes);
    this.#length = 0;
    return taken;
  }
}
