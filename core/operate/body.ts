import { z } from 'zod';
import { HttpProblem } from '../plugin/http.js';

/** Checks the JSON body of a request. @throws HttpProblem 400 that names each wrong field */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.map(String).join('.') || 'body'}: ${message}`,
  );
  throw new HttpProblem(400, 'Bad Request', problems.slice(0, 10).join('; '));
}

/** Text that an operator gives, for logs and lists. */
export const note = z.string().min(1).max(500);
/** Glob over names of services in the registry. */
export const serviceGlob = z.string().min(1).max(512);
/** Milliseconds from now on, at most 30 days. */
export const forMs = z
  .int()
  .min(1000)
  .max(30 * 86_400_000);
