import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { request } from 'undici';

/** What is answered to a path instead of the real answer; undefined for that one. */
export type HttpScript = (url: URL) => { readonly status: number; readonly body: string } | undefined;

/**
 * A real Nacos 2.3 seen through the eyes of a client of 1.x: `/v1` goes through and is answered by the server itself,
 * the APIs of 2.x and 3.x are not there, and no port speaks gRPC. A test may replace an answer.
 */
export class OlderNacos {
  readonly requests: { readonly atMs: number; readonly path: string; readonly query: URLSearchParams }[] = [];
  readonly #server: Server;
  readonly #origin: string;
  script: HttpScript = () => undefined;
  /** Of newer APIs, which a server of 2.x has. */
  hasNewer = false;

  private constructor(origin: string) {
    this.#origin = origin;
    this.#server = createServer((incoming, response) => void this.#answer(incoming, response));
  }

  /** @param address `host:port` of the real server's HTTP */
  static async start(address: string, port = 0): Promise<OlderNacos> {
    const older = new OlderNacos(`http://${address}`);
    await new Promise<void>((resolve) => older.#server.listen(port, '127.0.0.1', resolve));
    return older;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  count(path: string): number {
    return this.requests.filter((one) => one.path === path).length;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', this.#origin);
    this.requests.push({ atMs: Date.now(), path: url.pathname, query: url.searchParams });
    const scripted = this.script(url);
    if (scripted) return void response.writeHead(scripted.status).end(scripted.body);
    if (!url.pathname.startsWith('/nacos/v1/') && !this.hasNewer) return void response.writeHead(404).end('{}');
    const headers = Object.fromEntries(
      Object.entries(incoming.headers).filter(([name]) => !['host', 'connection'].includes(name)),
    ) as Record<string, string>;
    const answer = await request(url, { headers }).catch(() => undefined);
    if (!answer) return void response.destroy();
    response.writeHead(answer.statusCode).end(await answer.body.text());
  }
}

/** A port on which nobody listens, a thousand below another such one. */
export async function silentGrpcOffset(httpPort: number): Promise<number> {
  const server = createTcpServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  await new Promise((resolve) => server.close(resolve));
  return port - httpPort;
}
