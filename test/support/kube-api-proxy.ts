import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, request } from 'undici';
import type { KubeServer } from '../servers/kube.js';

/** What a test does to a request: `pass`, or it has answered itself. */
export type Intercept = (request: IncomingMessage, response: ServerResponse) => Promise<'pass' | 'answered'>;

/** Plain HTTP in front of a real API, as its administrator, where a test can answer in its place: with 429, or late. */
export class KubeApiProxy {
  readonly #server: Server;
  readonly #agent: Agent;
  readonly #kube: KubeServer;
  intercept: Intercept = async () => 'pass';

  private constructor(kube: KubeServer) {
    this.#kube = kube;
    this.#agent = new Agent({ connect: { ca: readFileSync(kube.caFile) }, bodyTimeout: 0, headersTimeout: 0 });
    this.#server = createServer((incoming, response) => {
      this.#answer(incoming, response).catch((error: Error) => response.destroy(error));
    });
  }

  static start(kube: KubeServer): Promise<KubeApiProxy> {
    const proxy = new KubeApiProxy(kube);
    return new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', () => resolve(proxy)));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Closes all connections. */
  drop(): void {
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
    await this.#agent.destroy();
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    if ((await this.intercept(incoming, response)) === 'answered') return;
    const abort = new AbortController();
    response.once('close', () => abort.abort());
    const { 'content-type': contentType = 'application/json', accept = '*/*' } = incoming.headers;
    const answer = await request(`${this.#kube.url}${incoming.url}`, {
      method: (incoming.method ?? 'GET') as 'GET',
      headers: { 'content-type': contentType, accept, authorization: `Bearer ${this.#kube.adminToken}` },
      body: incoming.method === 'GET' ? null : await textOf(incoming),
      dispatcher: this.#agent,
      signal: abort.signal,
    });
    response.writeHead(answer.statusCode, { 'content-type': 'application/json' });
    response.flushHeaders();
    for await (const chunk of answer.body) response.write(chunk);
    response.end();
  }
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  return text;
}
