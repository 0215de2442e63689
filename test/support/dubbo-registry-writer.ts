import { once } from 'node:events';
import zookeeper, { type Client } from 'node-zookeeper-client';

declare module 'node-zookeeper-client' {
  interface Acl {
    readonly permission: number;
  }
  type Done<T> = (error: (Error & { code?: number }) | null, result?: T) => void;
  interface Client {
    create(path: string, data: Buffer, acl: Acl[], mode: number, done: Done<string>): void;
    remove(path: string, version: number, done: Done<void>): void;
    setData(path: string, data: Buffer, version: number, done: Done<unknown>): void;
    setACL(path: string, acl: Acl[], version: number, done: Done<unknown>): void;
    getChildren(path: string, done: Done<string[]>): void;
    getSessionId(): Buffer;
    addAuthInfo(scheme: string, auth: Buffer): void;
  }
}

const persistent = 0;
const ephemeral = 1;
const nodeExists = -110;
const noNode = -101;

/** Who may do everything with a node: everybody, its creator alone, or one user. */
export type Access = 'open' | 'creator' | { readonly scheme: string; readonly id: string };

/** Writes into a real ZooKeeper as Dubbo's own clients do, with the plain client library. */
export class DubboRegistryWriter {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** @param address `127.0.0.1:2181` @param digest `user:password` */
  static async connect(address: string, digest?: string): Promise<DubboRegistryWriter> {
    const client = zookeeper.createClient(address, { sessionTimeout: 10_000 });
    if (digest !== undefined) client.addAuthInfo('digest', Buffer.from(digest));
    client.connect();
    await once(client, 'connected', { signal: AbortSignal.timeout(20_000) });
    return new DubboRegistryWriter(client);
  }

  /** Makes the node and what is missing above it; one that exists is no error. */
  async make(path: string, options: { ephemeral?: boolean; access?: Access } = {}): Promise<void> {
    const parent = path.slice(0, path.lastIndexOf('/'));
    const error = await this.#create(path, options.ephemeral ? ephemeral : persistent, options.access ?? 'open');
    if (error?.code === noNode && parent !== '') {
      await this.make(parent);
      await this.make(path, options);
    } else if (error && error.code !== nodeExists) {
      throw error;
    }
  }

  /** Deletes the node; one that is gone already is no error. */
  remove(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.remove(path, -1, (error) => (error && error.code !== noNode ? reject(error) : resolve()));
    });
  }

  /** Deletes the node and all below it. */
  async removeTree(path: string): Promise<void> {
    for (const name of await this.children(path)) await this.removeTree(`${path}/${name}`);
    await this.remove(path);
  }

  children(path: string): Promise<string[]> {
    return new Promise((resolve, reject) => {
      this.#client.getChildren(path, (error, names) => (error ? reject(error) : resolve(names ?? [])));
    });
  }

  setData(path: string, data: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.setData(path, Buffer.from(data), -1, (error) => (error ? reject(error) : resolve()));
    });
  }

  setAccess(path: string, access: Access): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.setACL(path, aclOf(access), -1, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Ends the session: its ephemeral nodes go at once. */
  async close(): Promise<void> {
    const gone = once(this.#client, 'disconnected', { signal: AbortSignal.timeout(5000) });
    this.#client.close();
    await gone;
  }

  #create(path: string, mode: number, access: Access): Promise<(Error & { code?: number }) | null> {
    return new Promise((resolve) => {
      this.#client.create(path, Buffer.from('127.0.0.1'), aclOf(access), mode, (error) => resolve(error));
    });
  }
}

interface Library {
  readonly ACL: (new (permission: number, id: unknown) => Acl) & Readonly<Record<string, Acl[]>>;
  readonly Id: new (scheme: string, id: string) => unknown;
  readonly Permission: { readonly ALL: number };
}
type Acl = import('node-zookeeper-client').Acl;
const { ACL, Id, Permission } = zookeeper as unknown as Library;

function aclOf(access: Access): Acl[] {
  if (access === 'open') return ACL['OPEN_ACL_UNSAFE'] ?? [];
  if (access === 'creator') return ACL['CREATOR_ALL_ACL'] ?? [];
  return [new ACL(Permission.ALL, new Id(access.scheme, access.id))];
}
