import { matchesGlob } from '../../core/catalog/glob.js';
import type { History } from '../../core/history/history.js';
import { HttpProblem } from '../../core/plugin/index.js';
import { historyOf, historyProblem } from './history-routes.js';
import { Listing, serviceFilter } from './listing.js';
import type { Query } from './query.js';
import { timeIn } from './time-query.js';

/** How long a catalog of the past is kept for the next of its pages. */
const keptMs = 30_000;

/** Lists the catalog as it was, for requests with `at`. Keeps the last one for a while: its pages come one after another. */
export class PastCatalog {
  readonly #history: History | undefined;
  readonly #timeoutMs: number;
  #kept: { readonly key: string; readonly listing: Promise<Listing> } | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #reading = new AbortController();

  constructor(history: History | undefined, timeoutMs: number) {
    this.#history = history;
    this.#timeoutMs = timeoutMs;
  }

  /** @returns the page that `list` gives of the catalog at the time that the query names. @throws HttpProblem */
  async page<Page extends object>(query: Query, list: (listing: Listing, query: Query) => Page): Promise<Page> {
    const { at: _, ...rest } = query;
    const atMs = timeIn(query, 'at');
    if (atMs > Date.now()) throw new HttpProblem(400, 'Bad Request', 'at is in the future');
    // What is wrong with the rest is told before anything is read.
    list(new Listing({ snapshot: () => ({ revision: 0, services: new Map() }) }), rest);
    const { host } = serviceFilter(query);
    const listing = await this.#listing(historyOf(this.#history), atMs, host);
    return { ...list(listing, rest), atMs };
  }

  /** Ends what is in hand and lets go of what is kept. */
  stop(): void {
    this.#reading.abort(new HttpProblem(503, 'Service Unavailable', 'stopping'));
    this.#forget();
  }

  #listing(history: History, atMs: number, host: string | undefined): Promise<Listing> {
    const key = JSON.stringify([atMs, host]);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#forget(), keptMs);
    if (this.#kept?.key === key) return this.#kept.listing;
    const listing = this.#read(history, atMs, host);
    this.#kept = { key, listing };
    listing.catch(() => {
      if (this.#kept?.listing === listing) this.#forget();
    });
    return listing;
  }

  async #read(history: History, atMs: number, host: string | undefined): Promise<Listing> {
    const deadline = new HttpProblem(503, 'Service Unavailable', 'it took too long');
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(deadline), this.#timeoutMs);
    try {
      const signal = AbortSignal.any([this.#reading.signal, late.signal]);
      const services = await history.at(atMs, signal, (name) => host === undefined || matchesGlob(host, name));
      return new Listing({ snapshot: () => ({ revision: 0, services }) });
    } catch (error) {
      throw historyProblem(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #forget(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#kept = undefined;
  }
}
