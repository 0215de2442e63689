import type { ServiceState } from './service-state.js';

/** A watched service that changed within this time keeps its watch. */
const minStayMs = 30_000;

export interface WatchSetOptions {
  readonly limit: number;
  /** Follows the service until its `watch` aborts. */
  readonly start: (state: ServiceState, watch: AbortController) => void;
  /** The service has lost its watch; what changes from now on is not seen by itself. */
  readonly onEvicted: (state: ServiceState) => void;
}

/**
 * The services that have a blocking query of their own: all, while they are within the limit; else those that changed
 * last, for what changed is likely to change again.
 */
export class WatchSet {
  readonly #options: WatchSetOptions;
  readonly #watched = new Map<string, ServiceState>();

  constructor(options: WatchSetOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#watched.size;
  }

  /** Gives the service a watch if there is room, or one in use by a service that has long been quiet. */
  offer(state: ServiceState, nowMs: number): void {
    if (state.watch || this.#options.limit === 0) return;
    if (this.#watched.size >= this.#options.limit) {
      const quietest = this.#quietest();
      if (quietest === undefined || nowMs - quietest.changedMs < minStayMs) return;
      this.drop(quietest);
      this.#options.onEvicted(quietest);
    }
    state.watch = new AbortController();
    this.#watched.set(state.name, state);
    this.#options.start(state, state.watch);
  }

  /** Fills free places. */
  fill(states: Iterable<ServiceState>, nowMs: number): void {
    for (const state of states) {
      if (this.#watched.size >= this.#options.limit) return;
      if (state.listed && state.failures === 0) this.offer(state, nowMs);
    }
  }

  /** Ends the watch of a service, if it has one. */
  drop(state: ServiceState): void {
    this.#watched.delete(state.name);
    state.watch?.abort();
    state.watch = undefined;
  }

  dropAll(): void {
    for (const state of [...this.#watched.values()]) this.drop(state);
  }

  #quietest(): ServiceState | undefined {
    let quietest: ServiceState | undefined;
    for (const state of this.#watched.values()) {
      if (quietest === undefined || state.changedMs < quietest.changedMs) quietest = state;
    }
    return quietest;
  }
}
