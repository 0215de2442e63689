import type { Plan } from '../plan/plan.js';

/**
 * Runs plans, so many at once and never two on the same registry, in about the order in which they are given.
 * @throws what `run` rejects with, once what was under way has ended
 */
export async function sideBySide(
  plans: readonly Plan[],
  atOnce: number,
  run: (plan: Plan) => Promise<void>,
): Promise<void> {
  const waiting = [...plans];
  const busy = new Set<string>();
  const running = new Set<Promise<void>>();
  const start = (plan: Plan) => {
    for (const kind of plan.registries) busy.add(kind);
    const done = run(plan).finally(() => {
      running.delete(done);
      for (const kind of plan.registries) busy.delete(kind);
    });
    running.add(done);
  };
  try {
    while (waiting.length > 0 || running.size > 0) {
      const next = waiting.findIndex(({ registries }) => !registries.some((kind) => busy.has(kind)));
      if (next >= 0 && running.size < atOnce) waiting.splice(next, 1).forEach(start);
      else await Promise.race(running);
    }
  } finally {
    await Promise.allSettled(running);
  }
}
