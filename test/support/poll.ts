import { setTimeout as delay } from 'node:timers/promises';

export interface PollOptions {
  /** How long to go on before giving up. Default 30 s. */
  readonly timeoutMs?: number;
  /** Pause between two looks. Default 50 ms. */
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
  /** Completes "timed out waiting for …" in the error. */
  readonly what?: string;
}

/**
 * Looks until `probe` gives something else than `undefined` or `false`, and returns that. An error of the probe counts
 * as "not yet" and is told as the cause when time runs out.
 * @throws Error after `timeoutMs`, or the signal's reason.
 */
export async function poll<T>(
  probe: (signal: AbortSignal) => T | undefined | false | Promise<T | undefined | false>,
  options: PollOptions = {},
): Promise<T> {
  const { timeoutMs = 30_000, intervalMs = 50, what = 'a condition' } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  let cause: unknown;
  while (!signal.aborted) {
    try {
      // A signal of its own for each look: what a look leaves listening goes with it.
      const value = await probe(AbortSignal.any([signal]));
      if (value !== undefined && value !== false) return value;
      cause = undefined;
    } catch (error) {
      if (!signal.aborted) cause = error;
    }
    await delay(intervalMs, undefined, { signal }).catch(() => undefined);
  }
  options.signal?.throwIfAborted();
  throw new Error(`timed out after ${timeoutMs} ms waiting for ${what}`, { cause });
}
