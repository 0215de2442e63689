import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

interface Target {
  readonly host: string;
  readonly port: number;
}

/**
 * An HTTP proxy that connects every name to one address: to clients that honour `HTTPS_PROXY`, as gRPC in Go does, each
 * name is one that resolves. They still say the name that they dialled as `:authority`.
 */
export class ConnectProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Names that were asked for, with their ports. */
  readonly dialled = new Set<string>();

  readonly #targets = new Map<string, Target>();

  private constructor(target: Target) {
    this.#server = createServer((_, response) => response.writeHead(405).end());
    this.#server.on('connect', ({ url = '' }, client: Socket) => {
      this.dialled.add(url);
      const upstream = connect(this.#targets.get(url.replace(/:[0-9]+$/, '')) ?? target, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(client);
        client.pipe(upstream);
      });
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined); // its close ends the other side
        socket.once('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
  }

  static async start(target: Target): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** Connects one name to somewhere else. */
  to(name: string, target: Target): void {
    this.#targets.set(name, target);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
