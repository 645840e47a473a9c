/** Values that arrive one by one, for someone who waits for the first few of them. */
export class Collected<Value> {
  readonly values: Value[] = [];
  private waiter: { readonly count: number; readonly resolve: () => void } | undefined;

  add(value: Value): void {
    this.values.push(value);
    if (this.waiter && this.values.length >= this.waiter.count) this.waiter.resolve();
  }

  /** Resolves when `count` values are there; the test's own timeout is the limit. */
  async first(count: number): Promise<readonly Value[]> {
    if (this.values.length < count) {
      await new Promise<void>((resolve) => {
        this.waiter = { count, resolve };
      });
    }
    return this.values.slice(0, count);
  }
}
