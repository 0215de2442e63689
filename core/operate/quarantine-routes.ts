import { z } from 'zod';
import type { QuarantineAdded, QuarantineList, QuarantineRemoved } from '../api/resources.js';
import { HttpProblem, type HttpReply, type HttpRequest, type HttpRoute } from '../plugin/http.js';
import { maxOperatorEntries } from '../shape/quarantine-file.js';
import type { Clock } from '../time/index.js';
import { forMs, note, parseBody, serviceGlob } from './body.js';
import type { QuarantineDesk } from './quarantine-desk.js';

const shownMatches = 1000;

const addition = z
  .strictObject({
    source: z.string().min(1).max(63).optional(),
    service: serviceGlob.optional(),
    address: z.string().min(1).max(253).optional(),
    labels: z.record(z.string().min(1).max(256), z.string().max(4096)).optional(),
    reason: note,
    forMs: forMs.optional(),
    /** Only says what would be taken out of traffic. */
    dryRun: z.boolean().default(false),
  })
  .refine(({ address, labels }) => address !== undefined || Object.keys(labels ?? {}).length > 0, {
    error: 'give an address or labels',
  });

/** `GET` and `POST /api/v1/quarantine`, `DELETE /api/v1/quarantine/:id`. */
export function quarantineRoutes(desk: QuarantineDesk, clock: Clock): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/quarantine',
      handle: async ({ signal }) => ({ status: 200, body: await list(desk, signal) }),
    },
    { method: 'POST', path: '/api/v1/quarantine', handle: (request) => add(desk, clock, request) },
    {
      method: 'DELETE',
      path: '/api/v1/quarantine/:id',
      handle: async ({ params }) => {
        const removed = await desk.remove(params['id'] ?? '');
        if (!removed) throw new HttpProblem(404, 'Not Found', 'no quarantine that came over the API has this id');
        const body: QuarantineRemoved = removed;
        return { status: 200, body };
      },
    },
  ];
}

async function list(desk: QuarantineDesk, signal: AbortSignal): Promise<QuarantineList> {
  const items: QuarantineList['items'][number][] = [];
  for (const entry of desk.entries) items.push({ ...entry, matches: (await desk.matches(entry, signal)).length });
  return { items };
}

async function add(desk: QuarantineDesk, clock: Clock, { body, signal }: HttpRequest): Promise<HttpReply> {
  const { dryRun, forMs: duration, ...wanted } = parseBody(addition, body);
  const sinceMs = clock.now();
  const entry = { ...wanted, ...(duration === undefined ? {} : { untilMs: sinceMs + duration }) };
  const draft = { ...entry, id: '', sinceMs, from: 'operator' as const };
  const matches = await matchesOf(desk, draft, signal);
  const shown = { matches: matches.length, instances: matches.slice(0, shownMatches) };
  if (dryRun) return { status: 200, body: { entry: draft, kept: false, ...shown } satisfies QuarantineAdded };
  if (desk.entries.filter(({ from }) => from === 'operator').length >= maxOperatorEntries) {
    throw new HttpProblem(409, 'Conflict', `there are ${maxOperatorEntries} entries already; take some out first`);
  }
  return { status: 201, body: { ...(await desk.add(entry)), ...shown } satisfies QuarantineAdded };
}

async function matchesOf(
  desk: QuarantineDesk,
  entry: QuarantineAdded['entry'],
  signal: AbortSignal,
): Promise<QuarantineAdded['instances']> {
  try {
    return await desk.matches(entry, signal);
  } catch (error) {
    if (error instanceof SyntaxError) throw new HttpProblem(400, 'Bad Request', `address: ${error.message}`);
    throw error;
  }
}
