import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly atMs: number;
}

/** Answers as no real Consul can be made to. */
export class FakeConsul {
  readonly requests: FakeRequest[] = [];
  readonly #server: Server;
  answer: (request: FakeRequest, response: ServerResponse) => void = (_, response) => reply(response, []);

  private constructor() {
    this.#server = createServer((incoming, response) => {
      const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://fake');
      const request = { path: pathname, query: searchParams, headers: incoming.headers, atMs: performance.now() };
      this.requests.push(request);
      this.answer(request, response);
    });
  }

  static async start(): Promise<FakeConsul> {
    const fake = new FakeConsul();
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** An answer as Consul gives it. */
export function reply(
  response: ServerResponse,
  body: unknown,
  headers: Readonly<Record<string, string | number>> = {},
): void {
  response.writeHead(200, {
    'content-type': 'application/json',
    'x-consul-index': 7,
    'x-consul-knownleader': 'true',
    ...headers,
  });
  response.end(JSON.stringify(body));
}
