import type { Client, ConnectionManager, Packet, WatcherEvent } from 'node-zookeeper-client';
import zookeeper from 'node-zookeeper-client';
import pLimit, { type LimitFunction } from 'p-limit';
import { deferred, formatHostPort, type HostPort, type Secret, type TlsMaterial } from '../../core/plugin/index.js';
import { guardManager, managerStates } from './client-guards.js';
import { dialSocket } from './dial.js';
import { answerChallenge } from './digest-md5.js';
import {
  AuthRequest,
  type Children,
  decodeChildren,
  decodeData,
  decodeStat,
  decodeToken,
  type NodeData,
  NodeRequest,
  type NodeStat,
  PathRequest,
  PingRequest,
  SaslRequest,
} from './jute.js';
import { decodeManyChildren, decodeStats, type FoundChildren, type FoundStat, MultiReadRequest } from './multi-read.js';
import { noNode, replyError, ZookeeperError } from './zookeeper-error.js';

/** What a later connection needs to go on with the same session. */
export interface SessionTicket {
  readonly id: Buffer;
  readonly password: Buffer;
  /** Last transaction seen; a server that is behind it refuses the connection. */
  readonly zxid: Buffer;
  /** As agreed with the server. */
  readonly timeoutMs: number;
}

export interface ConnectionOptions {
  /** Asked for; the server may grant another. */
  readonly sessionTimeoutMs: number;
  /** For name resolution, TCP connect and the session handshake together. */
  readonly connectTimeoutMs: number;
  /** For one request; one that is late ends the connection, for replies come in order. */
  readonly requestTimeoutMs: number;
  /** Requests in flight at once; the others wait. */
  readonly concurrency: number;
  readonly maxResponseBytes: number;
  readonly auth?: Credentials;
  /** TLS with these files' contents; absent: plain TCP. */
  readonly tls?: TlsMaterial;
  /** Whether to be taken by a server that has lost its quorum, for reading what it knows. Default false. */
  readonly canBeReadOnly?: boolean;
}

export interface Credentials {
  /** `digest` sends the password itself; `sasl` proves by DIGEST-MD5 that it is known, and wants the same of the server. */
  readonly scheme: 'digest' | 'sasl';
  readonly username: string;
  readonly password: Secret;
}

/** `NodeCreated` and the like: org.apache.zookeeper.Watcher.Event.EventType. */
export const eventTypes = { created: 1, deleted: 2, dataChanged: 3, childrenChanged: 4 } as const;

export interface WatchEvent {
  readonly type: number;
  readonly path: string;
}

const ok = 0;
const closeDeadlineMs = 300;

/**
 * One connection to one ZooKeeper server, made by node-zookeeper-client and guarded against what the library lacks
 * (its version is pinned). A connection is never reused: each has a client of its own, so that no half-read frame, no
 * queued request, no list of watches (whose replay can exceed the server's packet limit) and no expired session is
 * carried into the next one. What is carried is the {@link SessionTicket}.
 *
 * Guards: deadlines for handshake, each request and each silence (a ping every third of the session timeout, silence
 * of two thirds ends the connection); frames bounded; credentials sent before any request; xid wraps before it turns
 * negative; whatever is pending is rejected when the connection ends. All patches are on the instance.
 */
export class ZookeeperConnection {
  readonly server: HostPort;
  readonly #client: Client;
  readonly #manager: ConnectionManager;
  readonly #options: ConnectionOptions;
  readonly #limit: LimitFunction;
  readonly #lost = new AbortController();
  readonly #closed = deferred();
  #opened = false;
  #ticker: NodeJS.Timeout | undefined;
  #handshakeTimer: NodeJS.Timeout | undefined;
  #lastInboundMs = 0;
  #lastPingMs = 0;
  #socketError: Error | undefined;
  #isReadOnly = false;
  #onEvent: (event: WatchEvent) => void = () => undefined;

  private constructor(server: HostPort, options: ConnectionOptions, ticket: SessionTicket | undefined) {
    this.server = server;
    this.#options = options;
    this.#limit = pLimit(options.concurrency);
    this.#client = zookeeper.createClient('guarded', {
      sessionTimeout: ticket?.timeoutMs ?? options.sessionTimeoutMs,
      ...(ticket && { sessionId: ticket.id, sessionPassword: ticket.password }),
    });
    this.#manager = this.#client.connectionManager;
    if (ticket) this.#manager.zxid = ticket.zxid;
    this.#guard();
  }

  /**
   * Connects and opens the session, or goes on with the ticket's.
   * @throws ZookeeperError SESSION_EXPIRED when the ticket is no longer valid, AUTH_FAILED, TIMEOUT, CONNECTION_LOSS; the
   * signal's reason
   */
  static async open(
    server: HostPort,
    options: ConnectionOptions,
    ticket: SessionTicket | undefined,
    signal: AbortSignal,
  ): Promise<ZookeeperConnection> {
    signal.throwIfAborted();
    const connection = new ZookeeperConnection(server, options, ticket);
    await connection.#open(signal);
    return connection;
  }

  /** Aborts when the connection is gone, with the error that says why. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether the server has lost its quorum: what it knows may be old, and nothing changes on it. */
  get isReadOnly(): boolean {
    return this.#isReadOnly;
  }

  /** Why what it answers is not to be trusted. */
  get readOnlyError(): ZookeeperError {
    return new ZookeeperError('READ_ONLY', `${this.#where}: the server has lost its quorum (read-only mode)`);
  }

  get ticket(): SessionTicket {
    const { sessionId, sessionPassword, zxid, sessionTimeout } = this.#manager;
    return { id: sessionId, password: sessionPassword, zxid, timeoutMs: sessionTimeout };
  }

  /** The one receiver of watch events, called in the order of the server and before any later reply. */
  set onEvent(handler: (event: WatchEvent) => void) {
    this.#onEvent = handler;
  }

  /** @throws ZookeeperError NO_NODE and others */
  getChildren(path: string, watch: boolean): Promise<Children> {
    return this.#request(() => PathRequest.getChildren(path, watch), decodeChildren);
  }

  /** undefined when there is no such node; then there is no watch either. */
  findChildren(path: string, watch: boolean): Promise<Children | undefined> {
    return this.#find(() => PathRequest.getChildren(path, watch), decodeChildren);
  }

  /** undefined when there is no such node; then there is no watch either. */
  findData(path: string, watch: boolean): Promise<NodeData | undefined> {
    return this.#find(() => PathRequest.getData(path, watch), decodeData);
  }

  /** The node's state, or undefined when there is no node; with `watch` an event tells when that changes. */
  exists(path: string, watch: boolean): Promise<NodeStat | undefined> {
    return this.#find(() => PathRequest.exists(path, watch), decodeStat);
  }

  /** The states of many nodes, in their order. @throws ZookeeperError UNIMPLEMENTED before 3.6; TOO_LARGE */
  stats(paths: readonly string[]): Promise<FoundStat[]> {
    return this.#request(
      () => MultiReadRequest.stats(paths),
      (frame) => decodeStats(frame, paths.length),
    );
  }

  /** The children of many nodes, in their order. @throws as {@link stats} */
  manyChildren(paths: readonly string[]): Promise<FoundChildren[]> {
    return this.#request(
      () => MultiReadRequest.children(paths),
      (frame) => decodeManyChildren(frame, paths.length),
    );
  }

  /** Events for the path and all below it, until the connection ends. @throws ZookeeperError UNIMPLEMENTED before 3.6 */
  addRecursiveWatch(path: string): Promise<void> {
    return this.#request(
      () => PathRequest.addRecursiveWatch(path),
      () => undefined,
    );
  }

  /** Ends the connection as broken. */
  fail(error: Error): void {
    if (this.lost.aborted) return;
    clearInterval(this.#ticker);
    clearTimeout(this.#handshakeTimer);
    this.#lost.abort(error);
    this.#manager.socket?.destroy();
    this.#rejectAll(error);
    if (!this.#manager.socket) this.#closed.resolve();
  }

  /** Ends the session too; the server drops it at once rather than after its timeout. Settles within 300 ms. */
  async close(): Promise<void> {
    if (!this.lost.aborted) {
      this.#client.close();
      const deadline = setTimeout(() => this.fail(closedError()), closeDeadlineMs);
      await this.#closed.promise;
      clearTimeout(deadline);
      this.fail(closedError());
    }
    await this.#closed.promise;
  }

  async #open(signal: AbortSignal): Promise<void> {
    const opened = deferred();
    const onAbort = () => this.fail(signal.reason);
    const onLost = () => opened.reject(this.lost.reason);
    const onState = (state: number) => {
      if (state === managerStates.connected) opened.resolve();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.lost.addEventListener('abort', onLost, { once: true });
    this.#manager.on('state', onState);
    this.#handshakeTimer = setTimeout(() => {
      this.fail(
        new ZookeeperError('TIMEOUT', `${this.#where}: no session within ${this.#options.connectTimeoutMs} ms`),
      );
    }, this.#options.connectTimeoutMs);
    try {
      this.#dial();
      await opened.promise;
      await this.#authenticate();
      this.#opened = true;
      this.#startTicker();
    } catch (error) {
      // Nobody gets it, so nobody would close it.
      this.fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      clearTimeout(this.#handshakeTimer);
      signal.removeEventListener('abort', onAbort);
      this.lost.removeEventListener('abort', onLost);
      this.#manager.off('state', onState);
    }
  }

  #dial(): void {
    this.#client.connect();
    this.#manager.socket?.on('error', (error) => {
      this.#socketError = error;
    });
    // Before the library's own listener, so that what is pending gets the true reason.
    this.#manager.socket?.prependListener('close', () => {
      const cause = this.#socketError;
      const what = this.#opened ? 'the connection was lost' : 'no connection';
      this.fail(
        new ZookeeperError('CONNECTION_LOSS', `${this.#where}: ${what}: ${cause?.message ?? 'closed by the server'}`, {
          cause,
        }),
      );
      this.#closed.resolve();
    });
  }

  /** SASL comes after the session, for the server speaks of nothing else before. */
  async #authenticate(): Promise<void> {
    const { auth } = this.#options;
    if (auth?.scheme !== 'sasl') return;
    const exchange = (token: Buffer) => this.#request(() => new SaslRequest(token), decodeToken);
    const credentials = { username: auth.username, password: auth.password.reveal() };
    const { token, isAnsweredBy } = answerChallenge(await exchange(Buffer.alloc(0)), credentials);
    let lastWord: Buffer;
    try {
      lastWord = await exchange(token);
    } catch (cause) {
      // Servers say so by an error, or by closing the connection (zookeeper.allowSaslFailedClients).
      this.fail(refusedCredentials(this.#where, cause));
      throw this.lost.reason;
    }
    if (isAnsweredBy(lastWord)) return;
    this.fail(new ZookeeperError('AUTH_FAILED', `${this.#where}: the server does not know the password of the user`));
    throw this.lost.reason;
  }

  #guard(): void {
    const manager = this.#manager;
    const { auth, tls, canBeReadOnly = false, maxResponseBytes } = this.#options;
    guardManager(manager, {
      dial: () => dialSocket(this.server, tls),
      ready: tls ? 'secureConnect' : 'connect',
      canBeReadOnly,
      onDialled: () => {
        if (auth?.scheme !== 'digest') return;
        const digest = Buffer.from(`${auth.username}:${auth.password.reveal()}`);
        manager.queue(new AuthRequest('digest', digest), () => undefined);
      },
      onReadOnly: () => {
        this.#isReadOnly = true;
      },
      maxFrameBytes: maxResponseBytes,
      onBytes: () => {
        this.#lastInboundMs = performance.now();
      },
      onReply: (frame, truncated) => {
        if (!this.lost.aborted) this.#reply(frame, truncated);
      },
      onEvent: (event) => this.#deliver(event),
      onUndecodable: (cause) => {
        const said = cause instanceof ZookeeperError && cause.code === 'READ_ONLY' ? cause : undefined;
        const message = `${this.#where}: ${said?.message ?? 'bytes that cannot be decoded'}`;
        this.fail(new ZookeeperError(said?.code ?? 'PROTOCOL', message, { cause }));
      },
    });
    manager.on('state', (state: number) => {
      if (state === managerStates.expired) {
        this.fail(new ZookeeperError('SESSION_EXPIRED', `${this.#where}: the session has expired`));
      } else if (state === managerStates.authenticationFailed) {
        this.fail(refusedCredentials(this.#where));
      }
    });
  }

  #find<T>(make: () => PathRequest, decode: (frame: Buffer) => T): Promise<T | undefined> {
    const makeLenient = () => {
      const request = make();
      request.mayBeAbsent = true;
      return request;
    };
    return this.#request(makeLenient, (frame) => (frame.length === 0 ? undefined : decode(frame)));
  }

  #request<T>(make: () => NodeRequest | SaslRequest, decode: (frame: Buffer) => T): Promise<T> {
    return this.#limit(
      () =>
        new Promise<T>((resolve, reject) => {
          if (this.lost.aborted) return reject(this.lost.reason);
          this.#cork();
          this.#manager.queue(make(), (error, frame) => {
            if (error) return reject(error instanceof ZookeeperError ? error : (this.lost.reason ?? closedError()));
            try {
              resolve(decode(frame ?? Buffer.alloc(0)));
            } catch (cause) {
              reject(cause);
              this.fail(cause as Error);
            }
          });
        }),
    );
  }

  /** Lets all requests of one turn of the event loop go out in one system call. */
  #cork(): void {
    const { socket } = this.#manager;
    if (!socket || socket.writableCorked > 0) return;
    socket.cork();
    process.nextTick(() => socket.uncork());
  }

  /** Replies come in the order of the requests (ZooKeeper Programmer's Guide, "Consistency Guarantees"). */
  #reply(frame: Buffer, truncated: boolean): void {
    const packet = this.#manager.pendingQueue.shift();
    if (packet?.request.header.xid !== frame.readInt32BE(4)) {
      if (packet) this.#manager.pendingQueue.unshift(packet);
      throw new ZookeeperError('PROTOCOL', 'a reply to no request');
    }
    if (frame.readInt32BE(8) >= 0) this.#manager.zxid = Buffer.from(frame.subarray(8, 16));
    const { request } = packet;
    const path = request instanceof NodeRequest ? request.path : '';
    const code = frame.readInt32BE(16);
    if (code === noNode && request instanceof NodeRequest && request.mayBeAbsent) {
      packet.callback(null, Buffer.alloc(0));
    } else if (code !== ok) packet.callback(replyError(code, path));
    else if (truncated) packet.callback(tooLarge(path, this.#options.maxResponseBytes));
    else packet.callback(null, frame);
  }

  #deliver(event: WatcherEvent): void {
    if (event.path !== undefined) this.#onEvent({ type: event.type, path: event.path });
  }

  #startTicker(): void {
    const timeoutMs = this.#manager.sessionTimeout;
    this.#lastInboundMs = performance.now();
    this.#lastPingMs = performance.now();
    // A process that was paused finds its timer due before it has read what came meanwhile: read first, then judge.
    this.#ticker = setInterval(() => setImmediate(() => this.#tick(timeoutMs)), Math.min(1000, timeoutMs / 12));
  }

  #tick(timeoutMs: number): void {
    if (this.lost.aborted) return;
    const now = performance.now();
    const silentMs = now - this.#lastInboundMs;
    if (silentMs > (timeoutMs * 2) / 3) {
      this.fail(new ZookeeperError('TIMEOUT', `${this.#where}: the server is silent for ${Math.round(silentMs)} ms`));
      return;
    }
    const oldest = (this.#manager.pendingQueue[0] ?? this.#manager.packetQueue.queue[0])?.request;
    if (oldest instanceof NodeRequest && now - oldest.queuedAtMs > this.#options.requestTimeoutMs) {
      const waited = `no answer about ${oldest.path} within ${this.#options.requestTimeoutMs} ms`;
      this.fail(new ZookeeperError('TIMEOUT', `${this.#where}: ${waited}`));
      return;
    }
    if (now - this.#lastPingMs >= timeoutMs / 3) {
      this.#lastPingMs = now;
      this.#manager.queue(new PingRequest(), () => undefined);
    }
  }

  #rejectAll(error: Error): void {
    const packets: Packet[] = this.#manager.pendingQueue.splice(0);
    for (let packet = this.#manager.packetQueue.shift(); packet; packet = this.#manager.packetQueue.shift()) {
      packets.push(packet);
    }
    for (const packet of packets) packet.callback(error);
  }

  get #where(): string {
    return formatHostPort(this.server);
  }
}

function refusedCredentials(where: string, cause?: unknown): ZookeeperError {
  return new ZookeeperError('AUTH_FAILED', `${where}: the server refused the credentials (AUTH_FAILED)`, { cause });
}

function closedError(): ZookeeperError {
  return new ZookeeperError('CONNECTION_LOSS', 'the connection was closed');
}

function tooLarge(path: string, maxBytes: number): ZookeeperError {
  return new ZookeeperError('TOO_LARGE', `${path}: the answer is longer than ${maxBytes} bytes (maxResponseBytes)`);
}
