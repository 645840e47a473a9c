/** Several values to a key, none twice. A key without values takes no memory. */
export class SetMap<K, V> {
  readonly #sets = new Map<K, Set<V>>();

  get(key: K): Iterable<V> {
    return this.#sets.get(key) ?? [];
  }

  add(key: K, value: V): void {
    const set = this.#sets.get(key);
    if (set === undefined) this.#sets.set(key, new Set([value]));
    else set.add(value);
  }

  remove(key: K, value: V): void {
    const set = this.#sets.get(key);
    set?.delete(value);
    if (set?.size === 0) this.#sets.delete(key);
  }
}
