import { isRecord } from '../../core/model/is-record.js';
import { ConsulError } from './consul-error.js';
import { asRows } from './entries.js';

const maxNameLength = 255;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * `/v1/catalog/services`: names with the tags of all instances, sorted. Names that no service can have are left out.
 * @throws ConsulError `malformed`
 */
export function decodeServices(body: unknown): ReadonlyMap<string, readonly string[]> {
  if (!isRecord(body)) throw new ConsulError('malformed', 'an answer that is no list of services');
  const services = new Map<string, readonly string[]>();
  for (const [name, tags] of Object.entries(body)) {
    if (name === '' || name.length > maxNameLength || controls.test(name)) continue;
    const texts = Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
    services.set(name, texts.sort());
  }
  return services;
}

/** `/v1/catalog/nodes`: names with the index that each changed at last. @throws ConsulError `malformed` */
export function decodeNodes(body: unknown): ReadonlyMap<string, number> {
  const nodes = new Map<string, number>();
  for (const row of asRows(body, 'nodes')) {
    if (!isRecord(row) || typeof row['Node'] !== 'string') continue;
    nodes.set(row['Node'], typeof row['ModifyIndex'] === 'number' ? row['ModifyIndex'] : 0);
  }
  return nodes;
}

/** A check that is not passing: of one service, or, with an empty name, of all on its node. */
export interface FailingCheck {
  readonly node: string;
  readonly service: string;
}

/** `/v1/health/state/critical` and `/warning`, by node and check. @throws ConsulError `malformed` */
export function decodeChecks(body: unknown): ReadonlyMap<string, FailingCheck> {
  const checks = new Map<string, FailingCheck>();
  for (const row of asRows(body, 'checks')) {
    if (!isRecord(row) || typeof row['Node'] !== 'string') continue;
    const service = typeof row['ServiceName'] === 'string' ? row['ServiceName'] : '';
    checks.set(`${row['Node']}\n${String(row['CheckID'])}`, { node: row['Node'], service });
  }
  return checks;
}

/** Keys that are in one map alone, or have other values in the two. */
export function differentKeys<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  same: (a: T, b: T) => boolean,
): string[] {
  const keys: string[] = [];
  for (const [key, value] of after) {
    const known = before.get(key);
    if (known === undefined || !same(known, value)) keys.push(key);
  }
  for (const key of before.keys()) if (!after.has(key)) keys.push(key);
  return keys;
}
