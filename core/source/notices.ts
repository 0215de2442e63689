import type { Logger } from 'pino';
import type { SourceNotice } from './status.js';

/** Kinds of notices that a source may have at once; each is shown and logged. */
const maxNotices = 100;

/** What a source wants operators to know, by key; told once when it begins, changes and ends. */
export class Notices {
  readonly #logger: Logger;
  readonly #notices = new Map<string, SourceNotice>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  set(key: string, text: string | undefined, nowMs: number): void {
    const known = this.#notices.get(key);
    if (known?.text === text) return;
    if (text === undefined) {
      this.#notices.delete(key);
      this.#logger.info({ notice: key }, 'over');
    } else if (known || this.#notices.size < maxNotices) {
      this.#notices.set(key, { key, text, sinceMs: known?.sinceMs ?? nowMs });
      if (!known) this.#logger.warn({ notice: key }, text);
    }
  }

  list(): readonly SourceNotice[] {
    return [...this.#notices.values()];
  }
}
