import { join } from 'node:path';
import { http } from '../support/http.js';
import { artefactDir } from './build/cache-dir.js';
import { pickPort } from './ports.js';
import { type ServerHandle, type StartOptions, startServer } from './process.js';

/** One of Toxiproxy's faults of a connection: https://github.com/Shopify/toxiproxy#toxics */
export interface Toxic {
  readonly type: 'latency' | 'bandwidth' | 'slow_close' | 'timeout' | 'reset_peer' | 'slicer' | 'limit_data';
  /** `upstream`: on what goes to the server; `downstream`: on what comes from it. */
  readonly stream: 'upstream' | 'downstream';
  /** Share of the connections that it is put on; default 1. */
  readonly toxicity?: number;
  readonly attributes: Readonly<Record<string, number>>;
}

export interface Toxiproxy extends ServerHandle {
  /** Listens on `127.0.0.1:port` and passes on to `target`, as `127.0.0.2:8761`. */
  createProxy(name: string, port: number, target: string): Promise<ToxicProxy>;
}

/** One proxied address. */
export interface ToxicProxy {
  readonly name: string;
  readonly port: number;
  add(toxic: Toxic): Promise<void>;
  /** False: closes what is open and refuses what comes. */
  enable(enabled: boolean): Promise<void>;
  /** Enables it and takes all toxics away; connections that had a black hole on them are closed. */
  heal(): Promise<void>;
}

/** Starts Toxiproxy, with no proxies yet. */
export async function startToxiproxy(options: StartOptions = {}): Promise<Toxiproxy> {
  const port = await pickPort();
  const url = `http://127.0.0.1:${port}`;
  const server = await startServer(
    {
      name: 'toxiproxy',
      command: () => ({
        command: join(artefactDir('toxiproxy'), 'server'),
        args: ['-host', '127.0.0.1', '-port', `${port}`],
      }),
      ready: async (signal) => (await http(`${url}/version`, { signal })).status === 200,
    },
    options,
  );
  return Object.assign(server, {
    createProxy: async (name: string, listenPort: number, target: string) => {
      await call(`${url}/proxies`, 'POST', {
        ...{ name, listen: `127.0.0.1:${listenPort}`, upstream: target, enabled: true },
      });
      return new ApiProxy(url, name, listenPort);
    },
  });
}

class ApiProxy implements ToxicProxy {
  readonly #url: string;
  readonly #toxics: string[] = [];
  readonly name: string;
  readonly port: number;

  constructor(api: string, name: string, port: number) {
    this.#url = `${api}/proxies/${name}`;
    this.name = name;
    this.port = port;
  }

  async add(toxic: Toxic): Promise<void> {
    const name = `toxic-${this.#toxics.length}`;
    await call(`${this.#url}/toxics`, 'POST', { name, toxicity: 1, ...toxic });
    this.#toxics.push(name);
  }

  async enable(enabled: boolean): Promise<void> {
    await call(this.#url, 'POST', { enabled });
  }

  async heal(): Promise<void> {
    for (const name of this.#toxics.splice(0)) await call(`${this.#url}/toxics/${name}`, 'DELETE');
    await this.enable(true);
  }
}

async function call(url: string, method: 'POST' | 'DELETE', body?: object): Promise<void> {
  const response = await http(url, {
    method,
    headers: { 'content-type': 'application/json' },
    timeoutMs: 20_000,
    ...(body && { body: JSON.stringify(body) }),
  });
  if (response.status >= 300) throw new Error(`toxiproxy: ${method} ${url}: ${response.status} ${response.body}`);
}
