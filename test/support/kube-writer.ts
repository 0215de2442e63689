import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent } from 'undici';
import { parseAllDocuments } from 'yaml';
import { artefactDir } from '../servers/build/cache-dir.js';
import type { KubeServer } from '../servers/kube.js';
import { http } from './http.js';
import { poll } from './poll.js';

export type KubeObject = Record<string, unknown> & {
  readonly metadata: Record<string, unknown> & { readonly name: string };
};

/** Writes and reads a Kubernetes API as its administrator with plain requests: on purpose not the client under test. */
export class KubeWriter {
  readonly #url: string;
  readonly #token: string;
  readonly #agent: Agent;

  constructor({ url, caFile, adminToken }: Pick<KubeServer, 'url' | 'caFile' | 'adminToken'>) {
    this.#url = url;
    this.#token = adminToken;
    this.#agent = new Agent({ connect: { ca: readFileSync(caFile) } });
  }

  async request(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH',
    path: string,
    body?: unknown,
    contentType = 'application/json',
  ): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
    const { status, body: text } = await http(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': contentType },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs: 20_000,
      dispatcher: this.#agent,
    });
    return { status, body: JSON.parse(text || '{}') as Record<string, unknown> };
  }

  /** Creates an object, or puts it in the place of the one of its name. @param collection its path, as `/api/v1/namespaces/x/services` */
  async put(collection: string, object: KubeObject): Promise<KubeObject> {
    const path = `${collection}/${object.metadata.name}`;
    const known = await this.request('GET', path);
    if (known.status === 404) return this.#ok('POST', collection, object);
    const { resourceVersion } = known.body['metadata'] as Record<string, unknown>;
    return this.#ok('PUT', path, { ...object, metadata: { ...object.metadata, resourceVersion } });
  }

  async get(path: string): Promise<KubeObject | undefined> {
    const { status, body } = await this.request('GET', path);
    return status === 200 ? (body as KubeObject) : undefined;
  }

  async list(collection: string): Promise<readonly KubeObject[]> {
    return (await this.#ok('GET', collection))['items'] as KubeObject[];
  }

  /** One that is gone already is no error. */
  async delete(path: string): Promise<void> {
    const { status, body } = await this.request('DELETE', path);
    if (status >= 300 && status !== 404) throw new Error(`DELETE ${path}: ${status} ${JSON.stringify(body)}`);
  }

  async namespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.put('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  }

  /** Installs Istio's own resource definitions and waits until the API serves them. @param kinds default: all */
  async installIstio(kinds?: readonly string[]): Promise<void> {
    const text = readFileSync(join(artefactDir('kube'), 'istio-crds.yaml'), 'utf8');
    const all = parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
    const wanted = all.filter((crd) => kinds === undefined || kinds.includes(kindOf(crd)));
    const collection = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    for (const crd of wanted) await this.put(collection, crd);
    for (const { metadata } of wanted) {
      await poll(async () => isEstablished(await this.get(`${collection}/${metadata.name}`)), {
        timeoutMs: 60_000,
        what: `${metadata.name} to be established`,
      });
    }
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  async #ok(method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<KubeObject> {
    const answer = await this.request(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as KubeObject;
  }
}

function kindOf(crd: KubeObject): string {
  return (crd as unknown as { spec: { names: { kind: string } } }).spec.names.kind;
}

function isEstablished(crd: KubeObject | undefined): boolean {
  const conditions = (crd as { status?: { conditions?: { type: string; status: string }[] } } | undefined)?.status
    ?.conditions;
  return conditions?.some(({ type, status }) => type === 'Established' && status === 'True') === true;
}
