import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubernetesClient } from '../../../clients/kubernetes/index.js';

export type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

/** An API that answers as a test wants: for what no real server can be made to show. */
export class FakeApi {
  readonly #server: Server;
  readonly requests: string[] = [];
  handler: Handler = (_, response) => response.writeHead(404).end('{}');

  private constructor() {
    this.#server = createServer((request, response) => {
      this.requests.push(`${request.method} ${request.url}`);
      this.handler(request, response, new URL(request.url ?? '/', 'http://fake'));
    });
  }

  static start(): Promise<FakeApi> {
    const api = new FakeApi();
    return new Promise((resolve) => api.#server.listen(0, '127.0.0.1', () => resolve(api)));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  client(options: { token?: string; requestTimeoutMs?: number; maxResponseBytes?: number } = {}): KubernetesClient {
    const { token, requestTimeoutMs = 2000, ...rest } = options;
    return new KubernetesClient({
      access: { server: this.url, tls: {}, token: async () => token },
      requestTimeoutMs,
      ...rest,
    });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

export function send(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** A list as the API writes it. */
export function listOf(names: readonly string[], resourceVersion: string, next?: string) {
  const items = names.map((name) => object(name, resourceVersion));
  return { kind: 'ThingList', apiVersion: 'v1', metadata: { resourceVersion, continue: next }, items };
}

export function object(name: string, resourceVersion: string) {
  return { metadata: { name, namespace: 'ns', resourceVersion } };
}
