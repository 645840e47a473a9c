import type { Readable } from 'node:stream';

/** An answer that goes on while things happen: one JSON object a line (NDJSON), empty lines in between to show life. */
export class LineStream {
  static readonly contentType = 'application/x-ndjson';
  readonly stream: Readable;

  /** Destroyed when the client has gone. */
  constructor(stream: Readable) {
    this.stream = stream;
  }
}
