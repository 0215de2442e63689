import { isRecord } from '../../core/model/is-record.js';
import type { NacosCredentials } from './credentials.js';
import type { NacosHttp } from './http-client.js';
import { isRefused, isUnsupported, NacosError } from './nacos-error.js';
import { namespaceId } from './service-key.js';

/** 3.x, then 2.x; the latter belongs to the console, which a server need not have. */
const paths = ['/v3/admin/core/namespace/list', '/v1/console/namespaces'];
const maxNamespaces = 10_000;

export interface NamespaceEntry {
  /** `public` for the default one. */
  readonly id: string;
  /** Title that people see; ids are often made by the server. */
  readonly title: string;
}

/**
 * All namespaces of the registry.
 *
 * @throws NamespacesUnlisted when the server has no API for it or refuses it: waiting does not help
 * @throws NacosError when it could not be asked
 */
export async function listNamespaces(
  http: NacosHttp,
  keys: NacosCredentials,
  signal: AbortSignal,
): Promise<readonly NamespaceEntry[]> {
  const refusals: string[] = [];
  for (const path of paths) {
    try {
      const answer = await keys.authorized({ kind: 'naming' }, (credentials) =>
        http.request({ path, credentials }, signal),
      );
      return entriesOf(answer['data'], path);
    } catch (error) {
      if (!isUnsupported(error) && !isRefused(error)) throw error;
      refusals.push((error as NacosError).message);
    }
  }
  throw new NamespacesUnlisted(refusals);
}

/** The registry does not let us know its namespaces. */
export class NamespacesUnlisted extends Error {
  override readonly name = 'NamespacesUnlisted';

  constructor(refusals: readonly string[]) {
    super(
      `the namespaces cannot be listed, so only "public" is read and the rest may be missing; ` +
        `name those to read under "namespaces" (${refusals.join('; ')})`,
    );
  }
}

function entriesOf(data: unknown, path: string): readonly NamespaceEntry[] {
  if (!Array.isArray(data) || data.length > maxNamespaces) {
    throw new NacosError(`the answer to ${path} is no list of namespaces`, 0);
  }
  const entries = new Map<string, NamespaceEntry>();
  for (const entry of data as readonly unknown[]) {
    const { namespace, namespaceShowName } = isRecord(entry) ? entry : {};
    if (typeof namespace !== 'string') throw new NacosError(`the answer to ${path} has a namespace without an id`, 0);
    const id = namespaceId(namespace);
    entries.set(id, { id, title: typeof namespaceShowName === 'string' ? namespaceShowName : id });
  }
  return [...entries.values()];
}
