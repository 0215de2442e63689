/**
 * The parts of node-zookeeper-client 1.1.3 that the guarded connection touches. The package has no types; what is
 * declared here was read from its source, and the version is pinned because these are internals.
 */
declare module 'node-zookeeper-client' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';

  export interface RequestHeader {
    type: number;
    /** Set by the manager when the request is written. */
    xid: number;
  }

  export interface Request {
    readonly header: RequestHeader;
    readonly payload: null;
    toBuffer(): Buffer;
  }

  export type RequestCallback = (error: Error | null, frame?: Buffer) => void;

  export interface Packet {
    readonly request: Request;
    readonly callback: RequestCallback;
  }

  export interface PacketQueue {
    readonly queue: Packet[];
    shift(): Packet | undefined;
  }

  export interface WatcherEvent {
    readonly type: number;
    readonly state: number;
    readonly path: string | undefined;
  }

  export interface ConnectionManager extends EventEmitter {
    state: number;
    xid: number;
    sessionId: Buffer;
    sessionPassword: Buffer;
    sessionTimeout: number;
    /** Last transaction id seen, 8 bytes. */
    zxid: Buffer;
    pendingBuffer: Buffer | null;
    readonly packetQueue: PacketQueue;
    /** Written, not yet answered; the server answers in this order. */
    readonly pendingQueue: Packet[];
    readonly watcherManager: { emit(event: WatcherEvent): void };
    socket?: Socket;
    connect(): void;
    setState(state: number): void;
    onSocketData(frame: Buffer): void;
    onSocketDrain(): void;
    onSocketClosed(): void;
    onSocketTimeout(): void;
    queue(request: Request, callback: RequestCallback): void;
  }

  export interface Client extends EventEmitter {
    readonly connectionManager: ConnectionManager;
    connect(): void;
    close(): void;
  }

  export interface ClientOptions {
    readonly sessionTimeout?: number;
    readonly sessionId?: Buffer;
    readonly sessionPassword?: Buffer;
  }

  const zookeeper: {
    createClient(connectionString: string, options?: ClientOptions): Client;
  };
  export default zookeeper;
}
