import type { Logger } from 'pino';

const repeatAfterMs = 60_000;
const maxCauseLength = 500;
/** Scopes remembered at most; past it, all is logged at most once a minute as one. */
const maxScopes = 1000;

/** An error's message, shortened: a registry may answer with a page, and adapters quote it. */
export function causeOf({ message }: Error): string {
  return message.length > maxCauseLength ? `${message.slice(0, maxCauseLength - 1)}…` : message;
}

/**
 * Logs what a source is troubled by: a new cause at once, the same one again at most once a minute and scope. A
 * registry that is down for a night is retried some thousand times and fills no disk.
 */
export class TroubleLog {
  readonly #logger: Logger;
  readonly #last = new Map<string, { readonly cause: string; readonly atMs: number; suppressed: number }>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param details what else stands in the entry, as `scope` */
  note(error: Error, scope: string | undefined, nowMs: number, details: Readonly<Record<string, unknown>> = {}): void {
    this.#logger.debug({ err: error, scope, ...details }, 'trouble in full');
    const cause = causeOf(error);
    const own = scope ?? '';
    const key = this.#last.has(own) || this.#last.size < maxScopes ? own : '';
    const known = this.#last.get(key);
    if (known && known.cause === cause && nowMs - known.atMs < repeatAfterMs) {
      known.suppressed++;
      return;
    }
    this.#last.set(key, { cause, atMs: nowMs, suppressed: 0 });
    this.#logger.warn(
      {
        cause,
        ...(scope === undefined ? {} : { scope }),
        ...(known && known.suppressed > 0 ? { suppressed: known.suppressed } : {}),
        ...details,
      },
      'the source is degraded; what it published stays',
    );
  }

  /** The trouble of a scope, or of all scopes, is over: the same cause would be news again. */
  over(scope?: string): void {
    if (scope === undefined) this.#last.clear();
    else this.#last.delete(scope);
  }
}
