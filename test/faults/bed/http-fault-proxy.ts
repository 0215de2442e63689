import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, type Dispatcher, request } from 'undici';

/** What the proxy does with an answer of the real server. */
export type HttpFault =
  | { readonly kind: 'pass' }
  /** Answers so itself. */
  | { readonly kind: 'status'; readonly status: number; readonly body: string }
  /** The answer's headers, and half of its body. */
  | { readonly kind: 'truncate' }
  /** The answer with another body; what gives the same is passed on. */
  | { readonly kind: 'rewrite'; readonly body: (body: string) => string }
  /** What a healthy server that knows nothing would answer, by path; undefined: the real answer. */
  | { readonly kind: 'empty'; readonly answer: (path: string) => EmptyAnswer | undefined };

export interface EmptyAnswer {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A plain HTTP proxy in front of a real server, for answers that the real one cannot be made to give. */
export class HttpFaultProxy {
  readonly #server: Server;
  readonly #target: string;
  readonly #agent = new Agent({ connections: 256, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  #fault: HttpFault = { kind: 'pass' };

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.#target = target;
  }

  /** @param target `http://host:port` */
  static start(target: string): Promise<HttpFaultProxy> {
    const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 });
    const proxy = new HttpFaultProxy(server, target);
    server.on('request', (incoming, outgoing) => {
      proxy.#serve(incoming, outgoing).catch(() => outgoing.destroy());
    });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: 0, host: '127.0.0.1' }, () => resolve(proxy));
    });
  }

  /** `127.0.0.1:port` */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  set fault(fault: HttpFault) {
    this.#fault = fault;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await Promise.all([new Promise((resolve) => this.#server.close(resolve)), this.#agent.destroy()]);
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const path = incoming.url ?? '/';
    const gone = new AbortController();
    outgoing.on('close', () => gone.abort());
    if (this.#answersItself(path, outgoing)) return;
    const { host: _host, connection: _connection, 'accept-encoding': accepted, ...headers } = incoming.headers;
    const isRewritten = this.#fault.kind === 'rewrite';
    const answer = await request(`${this.#target}${path}`, {
      method: (incoming.method ?? 'GET') as Dispatcher.HttpMethod,
      // What is to be rewritten must not be compressed.
      headers: isRewritten || accepted === undefined ? headers : { ...headers, 'accept-encoding': accepted },
      body: incoming.method === 'GET' ? null : incoming,
      dispatcher: this.#agent,
      signal: gone.signal,
    });
    const original = Buffer.from(await answer.body.arrayBuffer());
    const body = isRewritten ? this.#rewrite(original) : original;
    // A request that waited meets the fault that came meanwhile.
    if (this.#answersItself(path, outgoing)) return;
    const { connection: _hop, 'transfer-encoding': _chunked, ...kept } = answer.headers;
    outgoing.writeHead(answer.statusCode, { ...kept, 'content-length': body.length });
    if (this.#fault.kind === 'truncate') {
      outgoing.write(body.subarray(0, body.length >> 1), () => outgoing.destroy());
    } else {
      outgoing.end(body);
    }
  }

  #rewrite(body: Buffer): Buffer {
    return this.#fault.kind === 'rewrite' ? Buffer.from(this.#fault.body(body.toString())) : body;
  }

  #answersItself(path: string, outgoing: ServerResponse): boolean {
    const fault = this.#fault;
    if (fault.kind === 'status') {
      outgoing.writeHead(fault.status, { 'content-type': 'text/plain' }).end(fault.body);
      return true;
    }
    const answer = fault.kind === 'empty' ? fault.answer(path) : undefined;
    if (answer === undefined) return false;
    outgoing.writeHead(200, { 'content-type': 'application/json', ...answer.headers }).end(answer.body);
    return true;
  }
}
