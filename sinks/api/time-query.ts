import { HttpProblem } from '../../core/plugin/index.js';
import type { Query } from './query.js';

const pattern =
  /^(\d{4})-(\d{2})-(\d{2})T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/**
 * A time in a query, as RFC 3339 has it, in milliseconds since the epoch.
 * @param fallback for a parameter that is not given
 * @throws HttpProblem 400
 */
export function timeIn(query: Query, name: string, fallback?: number): number {
  const text = query[name];
  if (text === undefined) {
    if (fallback !== undefined) return fallback;
    throw new HttpProblem(400, 'Bad Request', `${name} is needed: a time as 2026-03-01T14:05:00Z`);
  }
  const [, year, month, day] = pattern.exec(text) ?? [];
  const [y, m, d] = [Number(year), Number(month), Number(day)];
  // A month and a day that there are: Date would take 30 February for 2 March.
  const date = new Date(Date.UTC(y, m - 1, d));
  const ms =
    date.getUTCFullYear() === y && date.getUTCMonth() === m - 1 && date.getUTCDate() === d
      ? Date.parse(text)
      : Number.NaN;
  if (!(ms >= 0)) {
    const hint = 'a time as 2026-03-01T14:05:00Z (RFC 3339, from 1970 on; a + is written %2B in a URL)';
    throw new HttpProblem(400, 'Bad Request', `${name} is to be ${hint}`);
  }
  return ms;
}
