/** Something that is due at a time; `live` turns false when another has taken its place. */
export interface Deadline {
  readonly atMs: number;
  live: boolean;
}

/** The earliest first: a binary heap, O(log n) to add and to take. Those no longer live are passed over. */
export class DeadlineHeap<T extends Deadline> {
  #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  add(item: T): void {
    const heap = this.#heap;
    heap.push(item);
    let index = heap.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#at(parent) <= item.atMs) break;
      this.#move(parent, index);
      index = parent;
    }
    heap[index] = item;
  }

  /** Takes out the earliest that is live and due at `nowMs`. */
  takeDue(nowMs: number): T | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (!first || (first.live && first.atMs > nowMs)) return undefined;
      this.#removeFirst();
      if (first.live) return first;
    }
  }

  /** Lets go of those that are no longer live. */
  compact(): void {
    const live = this.#heap.filter((item) => item.live).sort((a, b) => a.atMs - b.atMs);
    this.#heap = live; // sorted: a heap
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#at(child + 1) < this.#at(child)) child++;
      if (last.atMs <= this.#at(child)) break;
      this.#move(child, index);
      index = child;
    }
    heap[index] = last;
  }

  #at(index: number): number {
    return this.#heap[index]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  #move(from: number, to: number): void {
    const item = this.#heap[from];
    if (item) this.#heap[to] = item;
  }
}
