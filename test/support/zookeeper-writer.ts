import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

/** The calls of node-zookeeper-client, which comes without types, that a writer needs. */
interface Client {
  connect(): void;
  close(): void;
  once(event: string, listener: () => void): void;
  on(event: string, listener: () => void): void;
  readonly connectionManager: { socket?: Socket; pendingBuffer: Buffer | null };
  addAuthInfo(scheme: string, auth: Buffer): void;
  create(path: string, data: Buffer, acls: readonly unknown[], mode: number, done: Callback): void;
  setData(path: string, data: Buffer, version: number, done: Callback): void;
  getData(path: string, done: (error: ZookeeperFailure | null, data: Buffer | undefined) => void): void;
  getChildren(path: string, done: (error: ZookeeperFailure | null, names: readonly string[] | undefined) => void): void;
  remove(path: string, version: number, done: Callback): void;
}
type Callback = (error: ZookeeperFailure | null) => void;
interface ZookeeperFailure extends Error {
  getCode(): number;
}
interface Library {
  createClient(address: string, options: { sessionTimeout: number }): Client;
  readonly ACL: Readonly<Record<'OPEN_ACL_UNSAFE' | 'CREATOR_ALL_ACL', readonly unknown[]>>;
  readonly CreateMode: Readonly<Record<'PERSISTENT' | 'EPHEMERAL', number>>;
  readonly Exception: Readonly<Record<'NO_NODE' | 'NODE_EXISTS', number>>;
}

const library = createRequire(import.meta.url)('node-zookeeper-client') as Library;

export interface WriteOptions {
  /** Gone with the session. Default false. */
  readonly ephemeral?: boolean;
  /** For its writer alone, who must have credentials. Default false. */
  readonly private?: boolean;
}

/** How long the library may take to be connected again before its connection is begun anew. */
const reconnectMs = 3000;

/** Writes to ZooKeeper as a legacy application does: one session whose ephemeral nodes go with it. */
export class ZookeeperWriter {
  readonly #client: Client;

  /** The server has ended the session: the client is closed then, and says nothing when it is closed again. */
  #isExpired = false;
  #watchdog: NodeJS.Timeout | undefined;

  private constructor(client: Client) {
    this.#client = client;
    client.once('expired', () => {
      this.#isExpired = true;
    });
    this.#watchReconnects();
  }

  /**
   * The library keeps half a frame of the connection before, behind which it understands nothing, and waits long for a
   * server that takes the connection and says nothing, as one may that is just starting.
   */
  #watchReconnects(): void {
    const { connectionManager } = this.#client;
    this.#client.on('disconnected', () => {
      connectionManager.pendingBuffer = null;
      clearInterval(this.#watchdog);
      this.#watchdog = setInterval(() => connectionManager.socket?.destroy(), reconnectMs);
      this.#watchdog.unref();
    });
    for (const event of ['connected', 'expired']) this.#client.on(event, () => clearInterval(this.#watchdog));
  }

  /**
   * @param address `host:port`, several with commas, and a chroot if wanted.
   * @param credentials `user:password` for the digest scheme.
   */
  static async connect(address: string, credentials?: string): Promise<ZookeeperWriter> {
    // Outlives restarts of servers and daemons on a busy machine: a session that expires takes its requests along.
    const client = library.createClient(address, { sessionTimeout: 45_000 });
    client.connect();
    await once(client as unknown as NodeJS.EventEmitter, 'connected', { signal: AbortSignal.timeout(20_000) });
    if (credentials !== undefined) client.addAuthInfo('digest', Buffer.from(credentials));
    return new ZookeeperWriter(client);
  }

  /** Creates a node and what is missing above it; parents are persistent, and one that exists keeps its data. */
  async create(path: string, data = '', options: WriteOptions = {}): Promise<void> {
    const names = path.split('/').filter(Boolean);
    for (let depth = 1; depth < names.length; depth += 1) {
      await this.#create(`/${names.slice(0, depth).join('/')}`, '', {}).catch(ignore(library.Exception.NODE_EXISTS));
    }
    await this.#create(path, data, options);
  }

  /** The node's data; undefined when there is no such node. */
  read(path: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      this.#client.getData(path, (error, data) => {
        if (error && error.getCode() !== library.Exception.NO_NODE) reject(error);
        else resolve(error ? undefined : (data?.toString() ?? ''));
      });
    });
  }

  /** The names of the node's children; none when there is no such node. */
  children(path: string): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      this.#client.getChildren(path, (error, names) => {
        if (error && error.getCode() !== library.Exception.NO_NODE) reject(error);
        else resolve(names ?? []);
      });
    });
  }

  write(path: string, data: string): Promise<void> {
    return settle((done) => this.#client.setData(path, Buffer.from(data), -1, done));
  }

  /** One that is not there is no error. */
  async remove(path: string): Promise<void> {
    await settle((done) => this.#client.remove(path, -1, done)).catch(ignore(library.Exception.NO_NODE));
  }

  /** Ends the session, and with it its ephemeral nodes. */
  async close(): Promise<void> {
    if (this.#isExpired) return;
    const closed = once(this.#client as unknown as NodeJS.EventEmitter, 'disconnected', {
      signal: AbortSignal.timeout(20_000),
    });
    this.#client.close();
    // Of a server that is gone it hears nothing any more.
    await closed.catch(() => this.#client.connectionManager.socket?.destroy());
    clearInterval(this.#watchdog);
  }

  #create(path: string, data: string, options: WriteOptions): Promise<void> {
    const acls = library.ACL[options.private ? 'CREATOR_ALL_ACL' : 'OPEN_ACL_UNSAFE'];
    const mode = library.CreateMode[options.ephemeral ? 'EPHEMERAL' : 'PERSISTENT'];
    return settle((done) => this.#client.create(path, Buffer.from(data), acls, mode, done));
  }
}

function settle(call: (done: Callback) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())));
}

function ignore(code: number): (error: ZookeeperFailure) => void {
  return (error) => {
    if (error.getCode() !== code) throw error;
  };
}
