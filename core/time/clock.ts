import { setTimeout as delay } from 'node:timers/promises';

/** Time as the code sees it; tests put their own in its place. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms`; rejects with `signal.reason` at once when `signal` aborts. Holds no timer after either. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** What the wall clock said when this was loaded, less the time since the start of the process. */
const originMs = Date.now() - performance.now();

/**
 * Goes on evenly from what the wall clock said at the start. Whoever sets that clock later moves neither an age, nor a
 * lease, nor the end of a hold; times that are shown are by the clock of the start.
 */
export const systemClock: Clock = {
  now: () => Math.round(originMs + performance.now()),
  async sleep(ms, signal) {
    try {
      await delay(ms, undefined, { signal });
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  },
};

/** The machine's own clock, that jumps when somebody sets it: for times that other processes and machines read. */
export const wallClock: Clock = { now: () => Date.now(), sleep: systemClock.sleep };
