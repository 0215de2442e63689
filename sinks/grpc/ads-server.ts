import { Server, ServerCredentials, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { Clock, HostPort } from '../../core/plugin/index.js';
import { type AdsCall, adsService } from './ads-service.js';
import type { AdsObserver, AdsSession, AdsTransport, AdsTypeStatus, EndCode } from './ads-session.js';
import { ConnectionListener } from './connection-listener.js';
import { defaultLimits, type PortLimits, type RefusedFor } from './port-limits.js';
import { ServerTls, type ServerTlsConfig } from './server-tls.js';

type SomeLimits = { readonly [Limit in keyof PortLimits]?: PortLimits[Limit] | undefined };

/** Makes our side of a stream, or says why there is none. */
export type OpenSession = (transport: AdsTransport, authority: string) => AdsSession | string;

export interface AdsServerOptions {
  /**
   * How a stream of each form is served, by the name that its client dialled (`:authority`, as
   * `shard-3-of-16.isthmus:15010`); a text refuses it. One of a form that is absent ends with UNIMPLEMENTED.
   */
  readonly sotw?: OpenSession;
  readonly delta?: OpenSession;
  readonly observer: AdsServerObserver;
  readonly clock: Clock;
  /** Streams at a time, over all connections. */
  readonly maxClients: number;
  /** Default: plain text. */
  readonly tls?: ServerTlsConfig | undefined;
  /** Default: {@link defaultLimits}, and twice as many connections as streams. */
  readonly limits?: SomeLimits | undefined;
  /** An idle connection is asked whether it lives, and dropped when it says nothing for `keepaliveTimeoutMs`. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
}

export interface AdsServerObserver extends AdsObserver {
  onOpened(peer: string): void;
  onClosed(peer: string): void;
  /** A stream or a connection was refused or dropped, for it went over a limit or its TLS failed: `details` says how. */
  onRefused(peer: string, limit: RefusedFor, details: string): void;
  /** A connection could not be accepted, or a certificate that was renewed cannot be used. */
  onAcceptError(error: Error): void;
}

/** One stream as an operator sees it. */
export interface AdsClientStatus {
  readonly peer: string;
  /** What it calls itself. */
  readonly node: string;
  /** The name that it dialled, with the port; at most {@link maxAuthorityLength} characters. */
  readonly authority: string;
  readonly cluster: string;
  readonly locality: string;
  readonly userAgent: string;
  readonly form: 'sotw' | 'delta';
  /** Milliseconds since the epoch. */
  readonly connectedSinceMs: number;
  readonly types: readonly AdsTypeStatus[];
}

interface Client {
  readonly peer: string;
  readonly authority: string;
  readonly session: AdsSession;
  readonly connectedSinceMs: number;
}

/** A DNS name, brackets and a port have room. */
const maxAuthorityLength = 300;
/** How long the end of a stream may take to reach its peer before the connection is dropped. */
const endGraceMs = 2000;

/** Serves ADS over gRPC, in one form or both. It is used once: `listen`, then `close`. */
export class AdsServer {
  readonly #options: AdsServerOptions;
  readonly #grpc: Server;
  readonly #limits: PortLimits;
  readonly #tls: ServerTls | undefined;
  readonly #listener: ConnectionListener;
  readonly #clients = new Set<Client>();
  readonly #endings = new Set<AbortController>();
  #closing = false;

  constructor(options: AdsServerOptions) {
    this.#options = options;
    const { sotw, delta, observer, maxClients } = options;
    // Twice the streams: a client that reconnects may come back before its old connection is seen to be dead.
    this.#limits = { connections: maxClients * 2, ...defaultLimits, ...withoutUndefined(options.limits ?? {}) };
    this.#grpc = new Server({
      'grpc.max_send_message_length': -1,
      'grpc.max_receive_message_length': this.#limits.requestBytes,
      // Above the limit, so that who goes over it is told so.
      'grpc.max_concurrent_streams': this.#limits.streamsPerConnection * 2,
      'grpc.keepalive_time_ms': options.keepaliveMs,
      'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs,
      'grpc.max_connection_idle_ms': 5 * 60_000,
      'grpc.enable_channelz': 0,
      interceptors: [overlongMessages((peer, details) => observer.onRefused(peer, 'requestBytes', details))],
    });
    this.#grpc.addService(adsService, {
      ...(sotw && { streamAggregatedResources: (call: AdsCall) => this.#accept(call, sotw) }),
      ...(delta && { deltaAggregatedResources: (call: AdsCall) => this.#accept(call, delta) }),
    });
    const injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const tls =
      options.tls &&
      new ServerTls(options.tls, {
        onSecure: (socket) => injector.injectConnection(socket),
        onRefused: (peer, reason) => observer.onRefused(peer, 'tls', reason),
        onFileError: (error) => observer.onAcceptError(error),
      });
    this.#tls = tls;
    this.#listener = new ConnectionListener(this.#limits.connections, {
      onConnection: (socket) => (tls ? tls.accept(socket) : injector.injectConnection(socket)),
      onDropped: (peer) => observer.onRefused(peer, 'connections', `there are ${this.#limits.connections} already`),
      onError: (error) => observer.onAcceptError(error),
    });
  }

  /** @throws Error that names the address that cannot be had, or the file that cannot be used. */
  async listen(address: HostPort): Promise<HostPort> {
    await this.#tls?.load();
    return this.#listener.listen(address);
  }

  /** The content of sessions that ask for it has a newer state. */
  changed(): void {
    for (const { session } of this.#clients) session.changed?.();
  }

  clients(): AdsClientStatus[] {
    return [...this.#clients].map(({ peer, authority, session, connectedSinceMs }) => {
      const { id: node, cluster, locality, userAgent } = session.node;
      const { form } = session;
      return { peer, node, cluster, locality, userAgent, authority, form, connectedSinceMs, types: session.types() };
    });
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  /** Ends every stream with UNAVAILABLE, so that its peer comes back soon, then all connections. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#listener.stopListening();
    for (const { session } of this.#clients) session.end('UNAVAILABLE', 'the server is shutting down');
    const overdue = new AbortController();
    const deadline = this.#after(endGraceMs, overdue, () => this.#listener.dropAll());
    await new Promise<void>((resolve) => this.#grpc.tryShutdown(() => resolve()));
    // Connections that have not come as far as HTTP/2.
    this.#listener.dropAll();
    overdue.abort();
    for (const ending of this.#endings) ending.abort();
    await deadline;
  }

  #accept(call: AdsCall, open: OpenSession): void {
    const { observer, clock, maxClients } = this.#options;
    const peer = call.getPeer();
    const authority = call.getHost().slice(0, maxAuthorityLength);
    const closed = new AbortController();
    const end = (code: EndCode, details: string) => {
      // destroy() would close the stream with no status, which istiod takes for a live one.
      call.emit('error', Object.assign(new Error(details), { code: status[code], details }));
      this.#endings.add(closed);
      void this.#after(endGraceMs, closed, () => this.#listener.drop(peer));
    };
    call.once('close', () => {
      this.#endings.delete(closed);
      closed.abort();
    });
    const streams = this.#countStream(call, peer);
    if (this.#closing) {
      end('UNAVAILABLE', 'the server is shutting down');
      return;
    }
    const refuse = (limit: RefusedFor, details: string) => {
      observer.onRefused(peer, limit, details);
      end('RESOURCE_EXHAUSTED', details);
    };
    if (this.#clients.size >= maxClients) {
      refuse('clients', `there are ${maxClients} clients already`);
      return;
    }
    if (streams > this.#limits.streamsPerConnection) {
      refuse(
        'streamsPerConnection',
        `there are ${this.#limits.streamsPerConnection} streams on the connection already`,
      );
      return;
    }
    const write = (bytes: Buffer, written: () => void) => void call.write(bytes, () => written());
    const session = open({ write, end }, authority);
    if (typeof session === 'string') {
      observer.onEnded('INVALID_ARGUMENT', session);
      end('INVALID_ARGUMENT', session);
      return;
    }
    const client: Client = { peer, authority, session, connectedSinceMs: clock.now() };
    this.#clients.add(client);
    observer.onOpened(peer);
    const leave = () => {
      if (!this.#clients.delete(client)) return;
      session.close();
      observer.onClosed(peer);
    };
    call.on('data', (bytes: Buffer) => session.receive(bytes));
    call.once('end', () => call.end());
    for (const event of ['end', 'cancelled', 'error', 'close']) call.once(event, leave);
  }

  /** @returns how many streams the connection has, this one too; once too many have ended, it is dropped. */
  #countStream(call: AdsCall, peer: string): number {
    const use = this.#listener.use(peer);
    if (!use) return 1; // it is closed already
    use.streams++;
    let open = true;
    const ended = () => {
      if (!open) return;
      open = false;
      const { resets, resetWindowMs } = this.#limits;
      if (use.noteEnded(this.#options.clock.now(), resetWindowMs) !== resets + 1 || this.#closing) return;
      this.#options.observer.onRefused(peer, 'resets', `more than ${resets} streams ended within ${resetWindowMs} ms`);
      this.#listener.drop(peer);
    };
    for (const event of ['cancelled', 'error', 'close']) call.once(event, ended);
    return use.streams;
  }

  /** Acts after `ms` unless told before that it need not. */
  #after(ms: number, unneeded: AbortController, act: () => void): Promise<void> {
    return this.#options.clock.sleep(ms, unneeded.signal).then(act, () => undefined);
  }
}

function withoutUndefined(limits: SomeLimits): Partial<PortLimits> {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

/** Tells of messages that gRPC refuses before they are read, for which it ends the stream by itself. */
function overlongMessages(onRefused: (peer: string, details: string) => void): ServerInterceptor {
  return (_, call) => {
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (sent) => {
      const { code, details = '' } = sent;
      if (code === status.RESOURCE_EXHAUSTED && details.startsWith('Received message larger')) {
        onRefused(call.getPeer(), details);
      }
      sendStatus(sent);
    };
    return new ServerInterceptingCall(call);
  };
}
