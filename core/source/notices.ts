import type { Logger } from 'pino';
import type { SourceNotice } from './status.js';

/** Kinds of notices that a source may have at once; each is shown and logged. */
const maxNotices = 100;

/** Entries of the log of one key in {@link windowMs}; one that comes and goes, or says ever new things, fills no disk. */
const maxLogged = 4;
const windowMs = 60_000;
/** Keys remembered at most, for that. */
const maxKeys = 1000;
const number = /[0-9][0-9.,]*/g;

interface Logged {
  /** What was said last, but for its numbers: a count that goes up and down is no news. */
  readonly gist: string;
  /** When, the last {@link maxLogged} times. */
  readonly timesMs: readonly number[];
}

/** What a source wants operators to know, by key; told when it begins, when it says something new, and when it ends. */
export class Notices {
  readonly #logger: Logger;
  readonly #notices = new Map<string, SourceNotice>();
  readonly #logged = new Map<string, Logged>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  set(key: string, text: string | undefined, nowMs: number): void {
    const known = this.#notices.get(key);
    if (known?.text === text) return;
    if (text === undefined) {
      this.#notices.delete(key);
      if (this.#isNews(key, '', nowMs)) this.#logger.info({ notice: key }, 'over');
    } else if (known || this.#notices.size < maxNotices) {
      this.#notices.set(key, { key, text, sinceMs: known?.sinceMs ?? nowMs });
      if (this.#isNews(key, text, nowMs)) this.#logger.warn({ notice: key }, text);
    }
  }

  #isNews(key: string, text: string, nowMs: number): boolean {
    const gist = text.replace(number, '#');
    const last = this.#logged.get(key);
    if (last?.gist === gist) return false;
    const timesMs = (last?.timesMs ?? []).filter((atMs) => nowMs - atMs < windowMs);
    // What was told as begun is told as over, too.
    if (text !== '' && timesMs.length >= maxLogged) return false;
    this.#logged.delete(key); // behind those that were logged before it
    this.#logged.set(key, { gist, timesMs: [...timesMs, nowMs] });
    const [oldest] = this.#logged.size > maxKeys ? this.#logged.keys() : [];
    if (oldest !== undefined) this.#logged.delete(oldest);
    return true;
  }

  list(): readonly SourceNotice[] {
    return [...this.#notices.values()];
  }
}
