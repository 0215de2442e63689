import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect, type TLSSocket } from 'node:tls';
import { Http1Transport, type Transport, type TransportAnswer, type TransportOptions } from './transport.js';

/** Requests on a connection at most, whatever the server allows: Go's own servers allow 250. */
const maxStreams = 250;
const pingIntervalMs = 10_000;
/** A large answer must not wait for a round trip each 64 KiB. */
const streamWindowBytes = 1024 * 1024;
const sessionWindowBytes = 16 * 1024 * 1024;

/**
 * Opens a transport. A Consul that is reached by TLS speaks HTTP/2 (`tlsutil.Configurator.IncomingHTTPSConfig`), in which
 * hundreds of blocking queries wait on one connection; without TLS, or behind a proxy that does not, it is HTTP/1.1.
 * @throws Error of the network, or the signal's reason
 */
export async function openTransport(options: TransportOptions, signal: AbortSignal): Promise<Transport> {
  if (!options.origin.startsWith('https:')) return new Http1Transport(options);
  const socket = await dial(options, ['h2', 'http/1.1'], signal);
  if (socket.alpnProtocol === 'h2') return new Http2Transport(options, await Connection.open(options, socket, signal));
  socket.destroy();
  return new Http1Transport(options);
}

/** HTTP/2: a connection carries many requests; another one is made when the others are full. */
class Http2Transport implements Transport {
  readonly parallel: number;
  readonly #options: TransportOptions;
  readonly #connections = new Set<Connection>();
  readonly #closed = new AbortController();
  readonly #waiting = new Set<() => void>();
  #dialling: Promise<void> | undefined;

  constructor(options: TransportOptions, first: Connection) {
    this.#options = options;
    this.parallel = options.connections * first.places;
    this.#add(first);
  }

  async get(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<TransportAnswer> {
    for (;;) {
      signal.throwIfAborted();
      this.#closed.signal.throwIfAborted();
      const connection = this.#free();
      if (connection) return connection.get(path, headers, signal);
      if (this.#connections.size < this.#options.connections) {
        this.#dialling ??= this.#dial().finally(() => {
          this.#dialling = undefined;
        });
        await unlessAborted(this.#dialling, signal);
      } else {
        await this.#freed(signal);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed.abort(new Error('the client is closed'));
    for (const connection of this.#connections) connection.destroy();
    for (const resume of [...this.#waiting]) resume();
    await this.#dialling?.catch(() => undefined); // it fails because of the abort
    // Unless it was done just before.
    for (const connection of this.#connections) connection.destroy();
  }

  /** The fullest that has a place, so that the others can be let go. */
  #free(): Connection | undefined {
    let found: Connection | undefined;
    for (const connection of this.#connections) {
      if (connection.hasPlace && (found === undefined || connection.open > found.open)) found = connection;
    }
    return found;
  }

  async #dial(): Promise<void> {
    const { signal } = this.#closed;
    this.#add(await Connection.open(this.#options, await dial(this.#options, ['h2'], signal), signal));
  }

  #add(connection: Connection): void {
    this.#connections.add(connection);
    connection.onFree = () => {
      if (connection.isClosed) this.#connections.delete(connection);
      for (const resume of [...this.#waiting]) resume();
    };
    connection.onFree();
  }

  #freed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const resume = () => {
        this.#waiting.delete(resume);
        signal.removeEventListener('abort', resume);
        resolve();
      };
      this.#waiting.add(resume);
      signal.addEventListener('abort', resume, { once: true });
    });
  }
}

/** One connection. A server that does not answer a ping in time has gone, and all that wait on it fail. */
class Connection {
  open = 0;
  /** Called when a request has ended, or the connection has. */
  onFree: () => void = () => undefined;
  readonly #session: ClientHttp2Session;
  readonly #socket: TLSSocket;
  readonly #pings: NodeJS.Timeout;
  #unanswered = 0;
  readonly #gone = new AbortController();

  private constructor({ origin }: TransportOptions, socket: TLSSocket) {
    this.#socket = socket;
    this.#session = http2.connect(origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
    });
    this.#session.setMaxListeners(0);
    this.#session.once('connect', () => this.#session.setLocalWindowSize(sessionWindowBytes));
    this.#session.on('error', () => undefined); // each request fails with it by itself
    // A server that refuses the client's certificate says so after the handshake, and the session does not take note.
    socket.on('error', (error) => {
      this.#session.destroy(error);
      this.#end(error);
    });
    this.#session.once('close', () => {
      this.#end(new Error('the server has closed the connection'));
    });
    this.#session.once('goaway', () => this.#session.close());
    this.#pings = setInterval(() => this.#ping(), pingIntervalMs);
  }

  /** Resolves once the server has said how many requests it takes. @throws Error of the network, or the signal's reason */
  static async open(options: TransportOptions, socket: TLSSocket, signal: AbortSignal): Promise<Connection> {
    const connection = new Connection(options, socket);
    const { connectTimeoutMs } = options;
    const within = AbortSignal.any([signal, AbortSignal.timeout(connectTimeoutMs)]);
    try {
      await once(connection.#session, 'remoteSettings', { signal: AbortSignal.any([within, connection.#gone.signal]) });
      return connection;
    } catch (error) {
      const cause: unknown = connection.#gone.signal.aborted ? connection.#gone.signal.reason : undefined;
      connection.destroy();
      signal.throwIfAborted();
      if (cause !== undefined) throw cause;
      if (within.aborted) throw new Error(`no settings in ${connectTimeoutMs} ms`);
      throw error;
    }
  }

  /** Requests that it can carry at the same time. */
  get places(): number {
    return Math.max(1, Math.min(maxStreams, this.#session.remoteSettings.maxConcurrentStreams ?? maxStreams));
  }

  get isClosed(): boolean {
    return this.#gone.signal.aborted || this.#session.closed || this.#session.destroyed;
  }

  get hasPlace(): boolean {
    return !this.isClosed && this.open < this.places;
  }

  async get(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<TransportAnswer> {
    const stream = this.#session.request({ ':method': 'GET', ':path': path, ...headers }, { endStream: true });
    this.open++;
    const onAbort = () => stream.close(http2.constants.NGHTTP2_CANCEL);
    signal.addEventListener('abort', onAbort, { once: true });
    stream.once('close', () => {
      signal.removeEventListener('abort', onAbort);
      this.open--;
      this.onFree();
    });
    try {
      const answer = await responseOf(stream);
      return { ...answer, body: bodyOf(stream, signal) };
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }

  destroy(): void {
    clearInterval(this.#pings);
    this.#session.destroy();
    this.#socket.destroy();
  }

  #end(reason: Error): void {
    clearInterval(this.#pings);
    this.#gone.abort(reason);
    this.onFree();
  }

  #ping(): void {
    // It has ended, but for its peer, who has not closed the socket in all this time.
    if (this.#session.destroyed) {
      this.#socket.destroy();
      return;
    }
    if (this.#unanswered > 0) {
      this.#session.destroy(new Error(`no answer to a ping in ${pingIntervalMs} ms`));
      return;
    }
    this.#unanswered++;
    this.#session.ping((error) => {
      if (!error) this.#unanswered = 0;
    });
  }
}

function responseOf(stream: ClientHttp2Stream): Promise<Omit<TransportAnswer, 'body'>> {
  return new Promise((resolve, reject) => {
    stream.once('response', (headers) => resolve({ statusCode: headers[':status'] ?? 0, headers }));
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('the server has ended the request')));
  });
}

/** A body that breaks off is an error: HTTP/2 ends a stream that was reset as if it were whole. */
async function* bodyOf(stream: ClientHttp2Stream, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const chunk of stream) yield chunk as Buffer;
  signal.throwIfAborted();
  if (stream.aborted || stream.rstCode !== http2.constants.NGHTTP2_NO_ERROR) {
    throw new Error('the answer broke off');
  }
}

async function dial(
  { origin, tls, connectTimeoutMs }: TransportOptions,
  protocols: readonly string[],
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { hostname, port } = new URL(origin);
  const host = hostname.replace(/^\[|\]$/g, '');
  const within = AbortSignal.any([signal, AbortSignal.timeout(connectTimeoutMs)]);
  const socket = connect({
    ...{ host, port: Number(port || 443), ALPNProtocols: [...protocols], ca: tls.ca, cert: tls.cert, key: tls.key },
    // A name alone is sent to the server; an address is checked against the certificate all the same.
    servername: tls.serverName ?? (/^[\d.]+$|:/.test(host) ? '' : host),
  });
  try {
    await once(socket, 'secureConnect', { signal: within });
    return socket;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    if (within.aborted) throw new Error(`no connection in ${connectTimeoutMs} ms`);
    throw error;
  }
}

/** Waits for `task`, which goes on for others when `signal` aborts. @throws what `task` throws, or the signal's reason */
async function unlessAborted(task: Promise<void>, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  try {
    await Promise.race([
      task,
      once(signal, 'abort', { signal: ended.signal }).then(
        () => undefined,
        () => undefined, // the wait is over
      ),
    ]);
  } finally {
    ended.abort();
  }
}
