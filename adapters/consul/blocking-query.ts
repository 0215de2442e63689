import type { Clock } from '../../core/plugin/index.js';
import type { Answer, ConsulClient, Query } from './client.js';

/**
 * What an index says against the one asked with (Consul's documentation, "Blocking Queries", implementation details):
 * - `same`: nothing has changed, the wait was over
 * - `moved`: something may have changed
 * - `back`: the state of the servers was replaced; what was known of indexes is void, so the next query has none
 */
export type IndexStep = 'same' | 'moved' | 'back';

export function indexStep(asked: number, returned: number): IndexStep {
  if (returned < asked) return 'back';
  return returned === asked ? 'same' : 'moved';
}

export interface FollowOptions {
  readonly query: Omit<Query, 'block'>;
  /** The index to begin after; 0 asks for the state at once. */
  readonly index: number;
  readonly waitMs: number;
  /** How much later than asked for an answer may come; default 5000. */
  readonly slackMs?: number;
  /** Rounds are this far apart on average, however fast the registry changes; the first few of a burst come at once. */
  readonly minRoundMs: number;
  readonly clock: Clock;
}

const burstRounds = 5;

/**
 * Calls `onChange` with each new state until `signal` aborts.
 * @param onChange returns the index to go on after, if it is not the answer's
 * @throws what a query or `onChange` throws
 */
export async function follow(
  client: ConsulClient,
  options: FollowOptions,
  onChange: (answer: Answer, step: 'moved' | 'back') => Promise<number> | undefined,
  signal: AbortSignal,
): Promise<never> {
  const { query, waitMs, slackMs, minRoundMs, clock } = options;
  let { index } = options;
  // A leaky bucket: each round pays `minRoundMs` into it, and it holds a burst.
  let paidUntilMs = 0;
  for (;;) {
    const answer = await client.get(
      index === 0 ? query : { ...query, block: { index, waitMs, ...(slackMs === undefined ? {} : { slackMs }) } },
      signal,
    );
    const step = indexStep(index, answer.index);
    index = step === 'back' ? 0 : answer.index;
    if (step !== 'same') index = (await onChange(answer, step)) ?? index;
    const nowMs = clock.now();
    paidUntilMs = Math.max(paidUntilMs, nowMs - burstRounds * minRoundMs) + minRoundMs;
    if (paidUntilMs > nowMs) await clock.sleep(paidUntilMs - nowMs, signal);
  }
}
