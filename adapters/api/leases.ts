import { type Deadline, DeadlineHeap } from './deadline-heap.js';

/** What a lease is of. */
export interface LeaseKey {
  readonly service: string;
  readonly id: string;
}

interface Mark extends Deadline {
  readonly lease: Lease;
}

interface Lease extends LeaseKey {
  /** Without the shift. */
  dueMs: number;
  mark: Mark | undefined;
}

/** Marks that may be out of date before the heap is cleaned of them. */
const maxStaleMarks = 1024;

/**
 * Until when something lives unless it is renewed; no timers: {@link takeDue} is asked now and then. One mark a lease
 * stands in the heap; a renewal only moves the lease's time, and the mark follows when it comes up, so that a heartbeat
 * costs next to nothing.
 */
export class Leases {
  readonly #byService = new Map<string, Map<string, Lease>>();
  readonly #heap = new DeadlineHeap<Mark>();
  /** Added to all times: what was lost when nobody could renew. */
  #shiftMs = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** What it takes in memory beside the leases. */
  get marks(): number {
    return this.#heap.size;
  }

  /** Milliseconds since the epoch; undefined: no lease, it lives for ever. */
  dueMs({ service, id }: LeaseKey): number | undefined {
    const lease = this.#byService.get(service)?.get(id);
    return lease && lease.dueMs + this.#shiftMs;
  }

  /** Gives or renews the lease. */
  set({ service, id }: LeaseKey, dueMs: number): void {
    let leases = this.#byService.get(service);
    if (!leases) {
      leases = new Map();
      this.#byService.set(service, leases);
    }
    let lease = leases.get(id);
    if (!lease) {
      lease = { service, id, dueMs: 0, mark: undefined };
      leases.set(id, lease);
      this.#size++;
    }
    lease.dueMs = dueMs - this.#shiftMs;
    if (!lease.mark || lease.mark.atMs > lease.dueMs) this.#mark(lease);
  }

  delete({ service, id }: LeaseKey): void {
    const leases = this.#byService.get(service);
    const lease = leases?.get(id);
    if (!leases || !lease) return;
    if (lease.mark) lease.mark.live = false;
    leases.delete(id);
    if (leases.size === 0) this.#byService.delete(service);
    this.#size--;
    this.#tidy();
  }

  /** Takes out the leases that have run out by `nowMs`, the earliest first. */
  takeDue(nowMs: number): LeaseKey[] {
    const due: LeaseKey[] = [];
    for (let mark = this.#heap.takeDue(nowMs - this.#shiftMs); mark; ) {
      const { lease } = mark;
      lease.mark = undefined;
      if (lease.dueMs > mark.atMs) this.#mark(lease);
      else {
        due.push({ service: lease.service, id: lease.id });
        this.delete(lease);
      }
      mark = this.#heap.takeDue(nowMs - this.#shiftMs);
    }
    return due;
  }

  /** Moves every lease by `ms`. */
  postpone(ms: number): void {
    this.#shiftMs += ms;
  }

  #mark(lease: Lease): void {
    if (lease.mark) lease.mark.live = false;
    lease.mark = { lease, atMs: lease.dueMs, live: true };
    this.#heap.add(lease.mark);
    this.#tidy();
  }

  #tidy(): void {
    if (this.#heap.size > 2 * this.#size + maxStaleMarks) this.#heap.compact();
  }
}
