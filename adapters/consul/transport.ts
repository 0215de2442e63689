import { Pool } from 'undici';
import type { TlsMaterial } from '../../core/plugin/index.js';

export interface TransportOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly tls: TlsMaterial;
  /** Sockets at most. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
}

export interface TransportAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Must be read to its end, or left by ending the iteration. */
  readonly body: AsyncIterable<Buffer>;
}

/** Carries requests over a bounded number of connections; those that find no place wait for one. */
export interface Transport {
  /** Requests that can wait for their answers at the same time. */
  readonly parallel: number;
  /** @throws Error of the network, or the signal's reason */
  get(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<TransportAnswer>;
  /** Ends every request and connection. */
  close(): Promise<void>;
}

/** HTTP/1.1: a connection carries one request at a time. */
export class Http1Transport implements Transport {
  readonly parallel: number;
  readonly #pool: Pool;

  constructor({ origin, tls, connections, connectTimeoutMs }: TransportOptions) {
    const { serverName, ...pem } = tls;
    this.parallel = connections;
    this.#pool = new Pool(origin, {
      connections,
      pipelining: 1,
      // Each request has a deadline of its own, which covers the whole of it.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 30_000,
      connect: {
        timeout: connectTimeoutMs,
        ...pem,
        ...(serverName === undefined ? {} : { servername: serverName }),
      },
    });
  }

  get(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<TransportAnswer> {
    return this.#pool.request({ method: 'GET', path, headers, signal });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
