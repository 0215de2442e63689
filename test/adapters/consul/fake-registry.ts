import type { ServerResponse } from 'node:http';
import { FakeConsul, type FakeRequest, reply } from './fake-consul.js';
import { aRow } from './rows.js';

interface Resource {
  index: number;
  body: unknown;
  headers: Record<string, string>;
}

/** A Consul whose every answer a test can set: lists and services with an index each, and queries that wait for it. */
export class FakeRegistry {
  readonly #resources = new Map<string, Resource>();
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #fake: FakeConsul;
  /** Looks at each request first; true: it was answered. */
  intercept: (request: FakeRequest, response: ServerResponse) => boolean = () => false;

  private constructor(fake: FakeConsul) {
    this.#fake = fake;
    fake.answer = (request, response) => this.#answer(request, response);
  }

  /** With one node, and the services `names` of one instance each. */
  static async start(...names: string[]): Promise<FakeRegistry> {
    const registry = new FakeRegistry(await FakeConsul.start());
    registry.set('/v1/catalog/nodes', [{ Node: 'host-1', ModifyIndex: 1 }]);
    registry.set('/v1/health/state/critical', []);
    registry.set('/v1/health/state/warning', []);
    for (const name of names) registry.set(path(name), [row(name)]);
    registry.list(...names);
    return registry;
  }

  get url(): string {
    return this.#fake.url;
  }

  get requests(): readonly FakeRequest[] {
    return this.#fake.requests;
  }

  /** Sets the names of the catalog's list. */
  list(...names: string[]): void {
    this.set('/v1/catalog/services', Object.fromEntries(names.map((name) => [name, []])));
  }

  /** Sets an answer and wakes who waits for it. Without an index it is the next. */
  set(
    resource: string,
    body: unknown,
    options: { index?: number; headers?: Record<string, string>; wake?: boolean } = {},
  ): void {
    const { index = (this.#resources.get(resource)?.index ?? 100) + 1, headers = {}, wake = true } = options;
    this.#resources.set(resource, { index, body, headers });
    if (!wake) return;
    const waiting = this.#waiting.get(resource);
    this.#waiting.delete(resource);
    for (const resume of waiting ?? []) resume();
  }

  close(): Promise<void> {
    return this.#fake.close();
  }

  #answer(request: FakeRequest, response: ServerResponse): void {
    if (this.intercept(request, response)) return;
    // A probe: the index of the service, and none of its instances.
    const isProbe = request.path.startsWith('/v1/catalog/service/');
    const known = isProbe ? request.path.replace('/catalog/', '/health/') : request.path;
    const resource = this.#resources.get(known) ?? { index: 1, body: [], headers: {} };
    const asked = request.query.get('index');
    if (asked !== null && Number(asked) === resource.index) {
      const waiting = this.#waiting.get(request.path) ?? new Set();
      this.#waiting.set(
        request.path,
        waiting.add(() => this.#answer(request, response)),
      );
      return;
    }
    const body = isProbe ? [] : resource.body;
    reply(response, body, { 'x-consul-index': resource.index, ...resource.headers });
  }
}

export function path(name: string): string {
  return `/v1/health/service/${name}`;
}

export function row(name: string, id = '1', more: Record<string, unknown> = {}): Record<string, unknown> {
  return aRow({ service: { Service: name, ID: `${name}-${id}`, ...more } });
}
