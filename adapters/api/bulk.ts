import { z } from 'zod';
import { HttpProblem, type HttpReply, type HttpRequest } from '../../core/plugin/index.js';
import type { RegistryBackend } from './backend.js';
import { pathName, type RequestParser } from './requests.js';

const maxItems = 1000;

const item = z.looseObject({ service: z.string(), id: z.string() });
const bulkSchema = z
  .strictObject({
    register: z.array(item).max(maxItems).default([]),
    deregister: z
      .array(z.strictObject({ service: z.string(), id: z.string() }))
      .max(maxItems)
      .default([]),
  })
  .refine(({ register, deregister }) => register.length + deregister.length > 0, 'there is nothing to do');

/** What is wrong with one item of a request. */
interface ItemError {
  readonly list: 'register' | 'deregister';
  readonly index: number;
  readonly status: number;
  readonly detail: string;
}

/**
 * Many registrations and deregistrations in one request: all of them happen, written to disk once, or none does and
 * each that cannot is told. Deregistrations come first; one of what is not known is no error, for that is what is wanted.
 */
export async function handleBulk(
  request: HttpRequest,
  parser: RequestParser,
  backend: RegistryBackend,
): Promise<HttpReply> {
  const registry = backend.registry();
  const { register, deregister } = parser.parse(bulkSchema, request.body);
  const errors: ItemError[] = [];
  const counts = { registered: 0, changed: 0, same: 0, deregistered: 0 };
  const changed = new Set<string>();
  const attempt = (list: ItemError['list'], index: number, act: () => void) => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof HttpProblem)) throw error;
      errors.push({ list, index, status: error.status, detail: error.message });
    }
  };
  registry.atomically(
    [...register, ...deregister].map(({ service }) => service),
    () => {
      deregister.forEach(({ service, id }, index) => {
        attempt('deregister', index, () => {
          if (!registry.deleteInstance(pathName('service', service), pathName('id', id))) return;
          changed.add(service);
          counts.deregistered++;
        });
      });
      register.forEach(({ service, id, ...instance }, index) => {
        attempt('register', index, () => {
          const parsed = parser.instance(instance);
          const outcome = registry.putInstance(pathName('service', service), pathName('id', id), parsed);
          if (outcome !== 'same') changed.add(service);
          counts[outcome === 'new' ? 'registered' : outcome]++;
        });
      });
      return errors.length === 0;
    },
  );
  const [first] = errors;
  if (first) {
    const detail = `nothing was done: ${errors.length} of ${register.length + deregister.length} items cannot be`;
    throw new HttpProblem(first.status, 'Nothing was done', detail, { errors });
  }
  if (changed.size > 0) await backend.changed(...[...changed].map((name) => ({ kind: 'put' as const, name })));
  else await backend.durable();
  return { status: 200, body: counts };
}
