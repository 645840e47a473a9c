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

/** What some objects of a section say. */
export interface Rows {
  /** The labels of the first object, in the order of their names, then those of the second, and so on. */
  readonly labels: readonly string[];
  /** The figures of the first object, in the order of the metrics, and so on. NaN: it has no such figure, and no line. */
  readonly values: Float64Array<ArrayBuffer>;
}

/**
 * Writes the lines of a section. Those of a metric have to stand together, so all rows are noted before the first line.
 * They are written as bytes: as strings they would take three times as long, and be garbage.
 */
export class Lines {
  readonly #section: Section;
  readonly #rows: LabelledRows[] = [];
  #bytes = new Uint8Array(chunkBytes);
  #length = 0;

  constructor(section: Section) {
    this.#section = section;
  }

  add({ labels, values }: Rows): void {
    this.#rows.push({ ...labelTexts(this.#section.labelNames, labels), values });
  }

  *chunks(): Generator<Chunk, undefined> {
    for (const [column, metric] of this.#section.metrics.entries()) {
      const announcement = Buffer.from(header(metric));
      if (!this.#hasRoom(announcement.length)) yield this.#take();
      this.#add(announcement, 0, announcement.length);
      const name = Buffer.from(metric.name);
      for (const rows of this.#rows) {
        let row = this.#addLines(name, rows, column, 0);
        while (row < rows.ends.length) {
          yield this.#take();
          row = this.#addLines(name, rows, column, row);
        }
      }
    }
    yield this.#take();
    return undefined;
  }

  /** The lines of a metric from a row on; returns the row that has no room any more. */
  #addLines(name: Uint8Array, { texts, ends, values }: LabelledRows, column: number, first: number): number {
    const width = this.#section.metrics.length;
    for (let row = first; row < ends.length; row++) {
      const value = values[row * width + column] ?? Number.NaN;
      if (Number.isNaN(value)) continue;
      const [start, end] = [ends[row - 1] ?? 0, ends[row] ?? 0];
      if (!this.#hasRoom(name.length + end - start + numberBytesMax)) return row;
      this.#add(name, 0, name.length);
      this.#add(texts, start, end);
      this.#bytes[this.#length++] = space;
      this.#addNumber(value);
      this.#bytes[this.#length++] = newline;
    }
    return ends.length;
  }

  #addNumber(value: number): void {
    // Most figures of most queues have one digit.
    if (value >= 0 && value < 10 && Number.isInteger(value)) {
      this.#bytes[this.#length++] = zero + value;
      return;
    }
    const text = numberText(value);
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
  }

  /** Byte by byte: it is a few dozen of them, and `set` takes longer to begin. */
  #add(text: Uint8Array, start: number, end: number): void {
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = start; i < end; i++) bytes[at++] = text[i] ?? 0;
    this.#length = at;
  }

  #hasRoom(bytes: number): boolean {
    return this.#length + bytes <= chunkBytes;
  }

  #take(): Chunk {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(chunkBytes);
    this.#length = 0;
    return taken;
  }
}

interface LabelledRows {
  /** `{vhost="/",queue="orders"}` of each object, one behind the other. */
  readonly texts: Uint8Array;
  /** Where each of them ends. */
  readonly ends: Uint32Array;
  readonly values: Rows['values'];
}

function labelTexts(names: readonly string[], labels: readonly string[]): Omit<LabelledRows, 'values'> {
  const ends = new Uint32Array(labels.length / names.length);
  let texts = '';
  let end = 0;
  for (let row = 0; row < ends.length; row++) {
    const text = labelPairs(names, labels, row * names.length);
    texts += text;
    end += Buffer.byteLength(text);
    ends[row] = end;
  }
  return { texts: Buffer.from(texts), ends };
}
