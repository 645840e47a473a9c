import { Readable } from 'node:stream';
import type { MoveProgress, MoveResult } from '../../broker/queues/move.ts';

/** Between two lines about a move. */
const intervalMs = 200;

type Line = MoveProgress & { readonly done: boolean };

/**
 * A move as lines, the last of which is `done`. The move ends early when the client goes: after the batch it is at.
 */
export class MoveLines extends Readable {
  readonly #abort = new AbortController();
  readonly #view: (line: Line) => object;
  /** How far it is; told when it is time for the next line. */
  #news: MoveProgress | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(view: (line: Line) => object) {
    super();
    this.#view = view;
  }

  /** Resolves when the move has begun. @throws whatever `run` throws before it has */
  static async of(
    run: (onProgress: (progress: MoveProgress) => void, signal: AbortSignal) => Promise<MoveResult>,
    view: (line: Line) => object,
    describeError: (error: unknown) => object,
  ): Promise<MoveLines> {
    const lines = new MoveLines(view);
    let last: MoveProgress | undefined;
    await new Promise<void>((begun, failed) => {
      const onProgress = (progress: MoveProgress): void => {
        last = progress;
        lines.#tell(progress);
        begun();
      };
      run(onProgress, lines.#abort.signal).then(
        (result) => {
          lines.#end(view({ total: 0, examined: 0, ...last, ...result, done: true }));
          begun();
        },
        (error: unknown) => {
          if (last === undefined) failed(error);
          else lines.#end(describeError(error));
        },
      );
    });
    return lines;
  }

  /** Lines are few and short, so nothing has to be held back for a client that is slow: it gets fewer. */
  override _read(): void {}

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
    callback(error);
  }

  /** At once, unless there was a line just now. */
  #tell(progress: MoveProgress): void {
    this.#news = progress;
    if (this.#timer === undefined) this.#tellNews();
  }

  #tellNews(): void {
    this.#timer = undefined;
    const news = this.#news;
    this.#news = undefined;
    if (news === undefined || this.destroyed) return;
    if (this.readableLength < this.readableHighWaterMark) this.#line(this.#view({ ...news, done: false }));
    this.#timer = setTimeout(() => this.#tellNews(), intervalMs);
  }

  #end(last: object): void {
    this.#news = undefined;
    clearTimeout(this.#timer);
    this.#line(last);
    if (!this.destroyed) this.push(null);
  }

  #line(line: object): void {
    if (!this.destroyed) this.push(`${JSON.stringify(line)}\n`);
  }
}
