import { z } from 'zod';
import type { GuardList, GuardRelease } from '../api/resources.js';
import type { Engine } from '../engine/engine.js';
import type { SourceUnit } from '../engine/source-unit.js';
import type { HttpRoute } from '../plugin/http.js';
import { HttpProblem } from '../plugin/http.js';
import type { Clock } from '../time/index.js';
import { forMs, note, parseBody, serviceGlob } from './body.js';

const release = z.strictObject({ source: z.string().max(63), service: serviceGlob.default('*'), by: note.optional() });
const hold = z.strictObject({
  source: z.string().max(63),
  service: serviceGlob.default('*'),
  forMs,
  reason: note.default('held by an operator'),
});

/** Orders to hold of one source at most: each is looked at for each loss. */
const maxFreezes = 1000;

/** What guards hold, and the operator's word on it: `/api/v1/guards`, `/api/v1/guards/release`, `/api/v1/guards/hold`. */
export function guardRoutes(engine: Engine, clock: Clock): readonly HttpRoute[] {
  const list = (): GuardList => ({
    items: engine.units.flatMap((unit) => unit.holds()),
    freezes: engine.units.flatMap(({ name, freezes }) => freezes.map((freeze) => ({ source: name, ...freeze }))),
  });
  return [
    { method: 'GET', path: '/api/v1/guards', handle: () => ({ status: 200, body: list() }) },
    {
      method: 'POST',
      path: '/api/v1/guards/release',
      handle: ({ body }) => {
        const { source, service, by = 'an operator' } = parseBody(release, body);
        const unit = unitOf(engine, source);
        const freezes = unit.freezes.length;
        const released = unit.guarded.release(service, by);
        const answer: GuardRelease = { services: released, freezes: freezes - unit.freezes.length };
        unit.log({ guard: 'release', service, by, ...answer }, 'an operator released what guards held');
        return { status: 200, body: answer };
      },
    },
    {
      method: 'POST',
      path: '/api/v1/guards/hold',
      handle: ({ body }) => {
        const { source, service, forMs: duration, reason } = parseBody(hold, body);
        const unit = unitOf(engine, source);
        const isNew = unit.freezes.every((freeze) => freeze.service !== service);
        if (isNew && unit.freezes.length >= maxFreezes) {
          throw new HttpProblem(409, 'Conflict', `there are ${maxFreezes} orders to hold already; release some first`);
        }
        const nowMs = clock.now();
        unit.guarded.freeze({ service, reason, sinceMs: nowMs, untilMs: nowMs + duration });
        unit.log({ guard: 'hold', service, forMs: duration, reason }, 'an operator holds back losses');
        return { status: 200, body: list() };
      },
    },
  ];
}

/** @throws HttpProblem 404 */
export function unitOf(engine: Engine, name: string): SourceUnit {
  const unit = engine.units.find((candidate) => candidate.name === name);
  if (!unit) throw new HttpProblem(404, 'Not Found', 'no source has this name');
  return unit;
}
