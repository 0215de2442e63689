import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface ProxyTarget {
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly port: number;
}

/** What happens to bytes and to new connections. */
type Mode =
  /** Everything goes through. */
  | { readonly kind: 'pass' }
  /** Connections stay open and are accepted, bytes vanish: `up` those to the server, `down` those from it. */
  | { readonly kind: 'blackHole'; readonly up: boolean; readonly down: boolean }
  /** New connections are closed at once. */
  | { readonly kind: 'refuse' }
  /** After so many more bytes from the server, in the middle of whatever it sends, that connection is closed. */
  | { readonly kind: 'cut'; bytesLeft: number; readonly then: 'pass' | 'refuse' };

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** Sees and may replace each chunk on its way. */
export type Transform = (chunk: Buffer) => Buffer;

/**
 * A TCP proxy in front of a real server, which shows faults of the network that the server itself cannot
 * be made to show. It keeps no byte back on its own account.
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #target: ProxyTarget;
  #mode: Mode = { kind: 'pass' };
  #accepted = 0;
  #bytesDown = 0;
  #transformUp: Transform = (chunk) => chunk;
  #transformDown: Transform = (chunk) => chunk;

  private constructor(server: Server, target: ProxyTarget) {
    this.#server = server;
    this.#target = target;
    server.on('connection', (client) => this.#accept(client));
  }

  /**
   * @param port where to listen; a free one when absent
   * @param host loopback address to listen on
   */
  static start(target: ProxyTarget, port = 0, host = '127.0.0.1'): Promise<TcpProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new TcpProxy(server, target);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host }, () => resolve(proxy));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `host:port` */
  get address(): string {
    return `${(this.#server.address() as AddressInfo).address}:${this.port}`;
  }

  /** Connections taken so far, also those that were refused. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Connections open now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Bytes that came from the server and were passed on. */
  get bytesDown(): number {
    return this.#bytesDown;
  }

  /** Everything goes through from now on; what vanished stays lost. */
  pass(): void {
    this.#mode = { kind: 'pass' };
  }

  blackHole(direction: 'both' | 'up' | 'down' = 'both'): void {
    this.#mode = { kind: 'blackHole', up: direction !== 'down', down: direction !== 'up' };
  }

  /** Closes all connections, and new ones as they come. */
  refuse(): void {
    this.#mode = { kind: 'refuse' };
    this.drop();
  }

  /**
   * Lets `bytes` more through from the server, then closes the connection that they came on, and goes on as told: with
   * `refuse` the other connections are closed as well, else a client that has several would read on.
   */
  cutAfter(bytes: number, then: 'pass' | 'refuse' = 'pass'): void {
    this.#mode = { kind: 'cut', bytesLeft: bytes, then };
  }

  /** Closes all connections. */
  drop(): void {
    for (const pair of this.#pairs) close(pair);
  }

  /** Resets all connections (RST). */
  reset(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
  }

  /** Sends bytes to all clients as if they came from the server. */
  injectDown(bytes: Buffer): void {
    for (const { client } of this.#pairs) client.write(bytes);
  }

  /** Where new connections go to. */
  set target(target: ProxyTarget) {
    this.#target = target;
  }

  /** Of what goes to the server. */
  set transformUp(transform: Transform) {
    this.#transformUp = transform;
  }

  /** Of what comes from the server. */
  set transformDown(transform: Transform) {
    this.#transformDown = transform;
  }

  /** Closes everything; resolves when the port is free. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.drop();
    });
  }

  #accept(client: Socket): void {
    this.#accepted++;
    client.on('error', () => undefined); // its 'close' follows, which is what counts
    if (this.#mode.kind === 'refuse') {
      client.destroy();
      return;
    }
    const pair = {
      client,
      server: connect({ host: this.#target.host ?? '127.0.0.1', port: this.#target.port, noDelay: true }),
    };
    this.#pairs.add(pair);
    pair.server.on('error', () => undefined);
    client.on('data', (chunk) => this.#up(pair, chunk));
    pair.server.on('data', (chunk) => this.#down(pair, chunk));
    client.on('close', () => this.#closed(pair));
    pair.server.on('close', () => this.#closed(pair));
  }

  #up({ server }: Pair, chunk: Buffer): void {
    if (this.#mode.kind === 'blackHole' && this.#mode.up) return;
    server.write(this.#transformUp(chunk));
  }

  #down(pair: Pair, bytes: Buffer): void {
    const chunk = this.#transformDown(bytes);
    const mode = this.#mode;
    if (mode.kind === 'blackHole' && mode.down) return;
    if (mode.kind !== 'cut' || chunk.length < mode.bytesLeft) {
      if (mode.kind === 'cut') mode.bytesLeft -= chunk.length;
      this.#bytesDown += chunk.length;
      pair.client.write(chunk);
      return;
    }
    this.#bytesDown += mode.bytesLeft;
    pair.client.end(chunk.subarray(0, mode.bytesLeft));
    pair.server.destroy();
    this.#mode = { kind: mode.then };
    if (mode.then === 'refuse') for (const other of this.#pairs) if (other !== pair) close(other);
  }

  /** A black hole shows nobody that the other side went away. */
  #closed(pair: Pair): void {
    if (this.#mode.kind === 'blackHole' && !pair.client.destroyed) return;
    this.#pairs.delete(pair);
    pair.client.destroySoon();
    pair.server.destroy();
  }
}

function close({ client, server }: Pair): void {
  client.destroy();
  server.destroy();
}
