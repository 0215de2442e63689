import { STATUS_CODES } from 'node:http';
import type { Problem } from '../../core/api/resources.js';
import { HttpProblem } from '../../core/plugin/index.js';

export const problemType = 'application/problem+json';

export function toProblem(status: number, title?: string, detail?: string): Problem {
  return {
    type: 'about:blank',
    title: title ?? STATUS_CODES[status] ?? 'Error',
    status,
    ...(detail === undefined ? {} : { detail }),
  };
}

/** What the caller is told of an error: its own mistakes in full, ours without a word of the inside. */
export function problemOf(error: unknown): Problem {
  if (error instanceof HttpProblem && isErrorStatus(error.status)) {
    return { ...error.extension, ...toProblem(error.status, error.title, error.detail) };
  }
  // The server's own errors (too large, wrong content type, not JSON) carry a status.
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (error instanceof Error && status >= 400 && status < 500) return toProblem(status, undefined, error.message);
  return toProblem(status === 503 ? 503 : 500);
}

function isErrorStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 400 && status < 600;
}
