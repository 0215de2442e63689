import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { poll } from '../../support/poll.js';
import { type Listing, listing } from './listing.js';

export type Answer = (response: ServerResponse) => void;

type Kind = 'full' | 'delta' | 'compact';

/** Answers with what no real server can be made to answer. */
export class FakeEureka {
  full: Answer = json(listing({}));
  delta: Answer = json(listing({}));
  /** The compact delta; as `delta` when absent, as from a server that does not know it. */
  compact: Answer | undefined;
  /** An instance that is asked for by itself: it is there. */
  instance: Answer = raw('{"instance":{}}');
  /** Everything else: the web pages, single applications. */
  other: Answer = status(404);
  /** In the order they were asked for. */
  readonly requests: Kind[] = [];
  /** Paths of all requests. */
  readonly paths: string[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const path = request.url ?? '';
      this.paths.push(path);
      const resource = /^\/eureka\/apps(\/delta)?(?:\?|$)/.exec(path);
      if (!resource) {
        if (/^\/eureka\/apps\/[^/]+\/[^/]+$/.test(path)) this.instance(response);
        else this.other(response);
        return;
      }
      const isCompact = request.headers['x-eureka-accept'] === 'compact';
      const kind = resource[1] === undefined ? 'full' : isCompact ? 'compact' : 'delta';
      this.requests.push(kind);
      const answer = this[kind] ?? this.delta;
      answer(response);
    });
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/eureka`;
  }

  count(kind: Kind): number {
    return this.requests.filter((request) => request === kind).length;
  }

  /** Resolves when it was asked for so many more deltas. */
  async polled(deltas: number): Promise<void> {
    const from = this.count('delta');
    await poll(() => this.count('delta') >= from + deltas);
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function json(body: Listing): Answer {
  return raw(JSON.stringify(body));
}

export function raw(body: string | Buffer, headers: Readonly<Record<string, string>> = {}, status = 200): Answer {
  return (response) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
}

export function gzipped(body: string | Buffer): Answer {
  return raw(gzipSync(body), { 'content-encoding': 'gzip' });
}

export function status(code: number): Answer {
  return raw('{"secret":"of the server"}', {}, code);
}
