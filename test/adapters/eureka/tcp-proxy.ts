import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP relay on loopback in front of a server, so that the server can go away without being stopped. */
export class TcpProxy {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #bytesUntilCut = Number.POSITIVE_INFINITY;

  constructor(target: { host: string; port: number }) {
    this.#target = target;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens; after {@link cut} again on the same port. */
  async open(): Promise<void> {
    this.#bytesUntilCut = Number.POSITIVE_INFINITY;
    const server = createServer((socket) => this.#relay(socket));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    this.#port = typeof address === 'object' && address ? address.port : 0;
    this.#server = server;
  }

  /** Breaks all connections and takes no new ones. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  /** Lets `bytes` more of answers pass, and then cuts. */
  cutAfter(bytes: number): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#bytesUntilCut = bytes;
  }

  #relay(client: Socket): void {
    const upstream = connect(this.#target);
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      const passed = chunk.subarray(0, Math.max(0, this.#bytesUntilCut));
      this.#bytesUntilCut -= chunk.length;
      client.write(passed);
      if (this.#bytesUntilCut <= 0) void this.cut();
    });
  }
}
