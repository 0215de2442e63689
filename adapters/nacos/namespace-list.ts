import { isRecord } from '../../core/model/is-record.js';
import type { NacosHttp } from './http-client.js';
import type { NacosLogin } from './login.js';
import { isRefused, isUnsupported, NacosError } from './nacos-error.js';
import { namespaceId } from './service-key.js';

/** 3.x, then 2.x; the latter belongs to the console, which a server need not have. */
const paths = ['/v3/admin/core/namespace/list', '/v1/console/namespaces'];
const maxNamespaces = 10_000;

/**
 * Ids of all namespaces of the registry; `public` for the default one.
 *
 * @throws NamespacesUnlisted when the server has no API for it or refuses it: waiting does not help
 * @throws NacosError when it could not be asked
 */
export async function listNamespaces(
  http: NacosHttp,
  login: NacosLogin,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const refusals: string[] = [];
  for (const path of paths) {
    try {
      const answer = await login.authorized((accessToken) => http.request({ path, accessToken }, signal));
      return idsOf(answer['data'], path);
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

function idsOf(data: unknown, path: string): readonly string[] {
  if (!Array.isArray(data) || data.length > maxNamespaces) {
    throw new NacosError(`the answer to ${path} is no list of namespaces`, 0);
  }
  const ids = data.map((entry: unknown) => {
    const id = isRecord(entry) ? entry['namespace'] : undefined;
    if (typeof id !== 'string') throw new NacosError(`the answer to ${path} has a namespace without an id`, 0);
    return namespaceId(id);
  });
  return [...new Set(ids)];
}
