/** What has been opened so far, to be closed in the opposite order. */
export class Closers {
  readonly #closers: (() => void | Promise<void>)[] = [];
  #closing: Promise<void> | undefined;

  add(close: () => void | Promise<void>): void {
    this.#closers.push(close);
  }

  /** What has been opened last now belongs to something else, which closes it too. */
  replaceLast(close: () => void | Promise<void>): void {
    this.#closers.pop();
    this.#closers.push(close);
  }

  /** Closes everything, once; resolves when it is closed. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) await close();
  }
}
