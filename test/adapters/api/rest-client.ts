import { HttpProblem, type HttpReply, type HttpRoute, type HttpRoutes } from '../../../core/plugin/index.js';

/** Calls the routes that a source adds as an API server would, without one. */
export class RestClient implements HttpRoutes {
  readonly #routes: HttpRoute[] = [];

  add(route: HttpRoute): void {
    this.#routes.push(route);
  }

  get routes(): readonly HttpRoute[] {
    return this.#routes;
  }

  /** Sends JSON and gives what came back; a problem is its status and detail. */
  async send(method: HttpRoute['method'], target: string, body?: unknown, accept = ''): Promise<HttpReply> {
    const [path = '', search = ''] = target.split('?');
    const query = Object.fromEntries(new URLSearchParams(search));
    const text = body === undefined ? undefined : (JSON.parse(JSON.stringify(body)) as unknown);
    for (const route of this.#routes) {
      const params = route.method === method ? match(route.path, path) : undefined;
      if (!params) continue;
      try {
        return await route.handle({ params, query, body: text, accept, signal: new AbortController().signal });
      } catch (error) {
        if (!(error instanceof HttpProblem)) throw error;
        return { status: error.status, body: error.extension ?? error.detail };
      }
    }
    return { status: 404, body: 'no such route' };
  }

  put(path: string, body?: unknown): Promise<HttpReply> {
    return this.send('PUT', path, body);
  }

  get(path: string): Promise<HttpReply> {
    return this.send('GET', path);
  }

  delete(path: string): Promise<HttpReply> {
    return this.send('DELETE', path);
  }
}

function match(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = decodeURIComponent(given[index] ?? '');
    if (part.startsWith(':')) params[part.slice(1)] = value;
    else if (part !== value) return undefined;
  }
  return params;
}
