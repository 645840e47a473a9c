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

  /** Closes everything, once; resolves when it is closed. @throws what went wrong first, when all others are closed */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
