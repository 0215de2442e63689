import { HttpProblem } from '../../core/plugin/index.js';

/** The query of a request: each parameter at most once, as text. */
export type Query = Readonly<Record<string, string>>;

/** Takes the parsed query of the server; a parameter given twice is refused, for readers disagree on which counts. */
export function toQuery(raw: unknown): Query {
  const query = Object.create(null) as Record<string, string>;
  if (typeof raw !== 'object' || raw === null) return query;
  for (const [name, value] of Object.entries(raw)) {
    if (typeof value !== 'string')
      throw new HttpProblem(400, 'Bad Request', `${printable(name)} is given more than once`);
    query[name] = value;
  }
  return query;
}

/** Refuses a parameter that means nothing: a filter with a typing error would answer with everything. */
export function allowOnly(query: Query, allowed: readonly string[]): void {
  for (const name of Object.keys(query)) {
    if (!allowed.includes(name)) {
      throw new HttpProblem(
        400,
        'Bad Request',
        `unknown parameter ${printable(name)}; allowed are ${allowed.join(', ')}`,
      );
    }
  }
}

export function wholeNumber(query: Query, name: string, fallback: number, min: number, max: number): number {
  const text = query[name];
  if (text === undefined) return fallback;
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new HttpProblem(400, 'Bad Request', `${name} is to be a whole number from ${min} to ${max}`);
  }
  return value;
}

export function flag(query: Query, name: string): boolean {
  const text = query[name];
  if (text === undefined || text === 'false') return false;
  if (text === 'true') return true;
  throw new HttpProblem(400, 'Bad Request', `${name} is to be true or false`);
}

function printable(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}
