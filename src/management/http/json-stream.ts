import { Readable } from 'node:stream';
import { Slices } from '../../slices.ts';

/** A JSON text that is written while it is sent, so that it neither fills memory nor keeps the event loop. */
export class JsonStream {
  readonly stream: Readable;

  /** `parts`, one behind the other, are the text; each is made when it is its turn. */
  constructor(parts: Iterable<string>) {
    this.stream = Readable.from(inPieces(parts), { objectMode: false });
  }
}

/** The parts of an array; it may be empty. */
export function* arrayParts(values: Iterable<unknown>): Iterable<string> {
  let separator = '[';
  for (const value of values) {
    yield separator + JSON.stringify(value);
    separator = ',';
  }
  yield separator === '[' ? '[]' : ']';
}

/** Hands out what has been written whenever a slice of time is used up. */
async function* inPieces(parts: Iterable<string>): AsyncIterable<string> {
  const slices = new Slices();
  let piece = '';
  for (const part of parts) {
    piece += part;
    const pause = slices.next();
    if (pause === undefined) continue;
    yield piece;
    piece = '';
    await pause;
  }
  if (piece !== '') yield piece;
}
