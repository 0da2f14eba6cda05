/** Items in an order that no two share: finding a place takes as many comparisons as the list's length has binary digits. */
export class SortedList<T> {
  readonly #items: T[];
  readonly #compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number, items: readonly T[] = []) {
    this.#compare = compare;
    this.#items = items.toSorted(compare);
  }

  get length(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  get last(): T | undefined {
    return this.#items.at(-1);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]();
  }

  add(item: T): void {
    this.#items.splice(this.countBefore(item), 0, item);
  }

  /** The item that compares equal, if there is one. */
  remove(item: T): void {
    const at = this.countBefore(item);
    const found = this.#items[at];
    if (found !== undefined && this.#compare(found, item) === 0) this.#items.splice(at, 1);
  }

  /** How many come before where the item stands, or would. */
  countBefore(item: T): number {
    // most come at the end
    if (this.last === undefined || this.#compare(this.last, item) < 0) return this.#items.length;
    let low = 0;
    let high = this.#items.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.#items[middle] as T, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
