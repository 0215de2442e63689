import { once } from 'node:events';
import zookeeper, { type Client } from 'node-zookeeper-client';
import '../../support/dubbo-registry-writer.js';
import { withDeadline } from './registry.js';

const timeoutMs = 20_000;
const deadlineMs = 8000;
/** A server that was set back refuses a session that has seen more; its owner is started anew then. */
const giveUpMs = 7000;

/** A client of the ensemble as applications have one: it connects again by itself, and begins anew when its session is over. */
export class ZookeeperSession {
  readonly #address: string;
  readonly #digest: string;
  #client: Client | undefined;
  #over = false;
  #failingSinceMs: number | undefined;

  constructor(address: string, digest: string) {
    this.#address = address;
    this.#digest = digest;
  }

  /** Does one thing over the session, a new one if there is none. */
  async use<T>(what: string, act: (client: Client) => Promise<T>): Promise<T> {
    try {
      const result = await withDeadline(act(await this.#connected()), `zookeeper: ${what}`, deadlineMs);
      this.#failingSinceMs = undefined;
      return result;
    } catch (error) {
      const nowMs = performance.now();
      this.#failingSinceMs ??= nowMs;
      if (nowMs - this.#failingSinceMs > giveUpMs) this.#drop();
      throw error;
    }
  }

  /** Ends the session, and with it its ephemeral nodes. */
  async close(): Promise<void> {
    const client = this.#client;
    if (!client) return;
    this.#client = undefined;
    const closed = once(client, 'disconnected', { signal: AbortSignal.timeout(10_000) });
    client.close();
    await closed.catch(() => undefined); // a server that is away closes it by its timeout
  }

  async #connected(): Promise<Client> {
    if (this.#client && !this.#over) return this.#client;
    const client = zookeeper.createClient(this.#address, { sessionTimeout: timeoutMs });
    client.addAuthInfo('digest', Buffer.from(this.#digest));
    client.on('expired', () => {
      if (this.#client === client) this.#over = true;
    });
    this.#client = client;
    this.#over = false;
    client.connect();
    try {
      await once(client, 'connected', { signal: AbortSignal.timeout(8000) });
    } catch (error) {
      this.#drop();
      throw error;
    }
    return client;
  }

  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    this.#failingSinceMs = undefined;
    client?.close();
  }
}

interface Failure extends Error {
  readonly code?: number;
}
type Done<T> = (error: Failure | null, result?: T) => void;

const noNode = -101;
const nodeExists = -110;

/** A call of the client library as a promise; the failures with these codes are results. */
function call<T>(run: (done: Done<T>) => void, accepted: readonly number[] = []): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    run((error, result) => (error && !accepted.includes(error.code ?? 0) ? reject(error) : resolve(result)));
  });
}

const { ACL } = zookeeper as unknown as { ACL: Record<string, import('node-zookeeper-client').Acl[]> };
const open = ACL['OPEN_ACL_UNSAFE'] ?? [];
const own = ACL['CREATOR_ALL_ACL'] ?? [];

export async function makeNode(client: Client, path: string, ephemeral: boolean): Promise<void> {
  const make = () =>
    call<string>((done) => client.create(path, Buffer.alloc(0), open, ephemeral ? 1 : 0, done), [nodeExists]);
  try {
    await make();
  } catch (error) {
    if ((error as Failure).code !== noNode) throw error;
    await makeNode(client, path.slice(0, path.lastIndexOf('/')), false);
    await make();
  }
}

export async function removeNode(client: Client, path: string): Promise<void> {
  await call((done: Done<void>) => client.remove(path, -1, done), [noNode]);
}

/** None when there is no such node. */
export async function childrenOf(client: Client, path: string): Promise<readonly string[]> {
  return (await call<string[]>((done) => client.getChildren(path, done), [noNode])) ?? [];
}

/** For everybody, or for the owner of the session's credentials alone. */
export async function setAccess(client: Client, path: string, access: 'open' | 'own'): Promise<void> {
  await call((done: Done<unknown>) => client.setACL(path, access === 'open' ? open : own, -1, done), [noNode]);
}
