import type { Clock } from '../../core/plugin/index.js';
import type { NacosCredentials } from './credentials.js';
import type { Message } from './payload.js';
import type { NacosServer } from './server.js';

/** What each kind of connection needs. */
export interface ConnectionOptions {
  readonly server: NacosServer;
  readonly credentials: NacosCredentials;
  readonly clock: Clock;
  readonly keepAliveMs: number;
  /** What the server sends by itself and the connection does not answer itself. Must not throw. */
  readonly onPush: (message: Message) => void;
}

/**
 * One way to one server for one namespace: gRPC ({@link GrpcConnection}, 2.0 and newer) or the HTTP API of 1.x
 * (`HttpConnection`). Requests and pushes are those of the gRPC protocol; the other kind translates them.
 */
export interface NacosConnection {
  readonly server: NacosServer;
  readonly protocol: 'grpc' | 'http';
  /** Aborts when the connection is gone, with the reason; everything that needs the connection waits under it. */
  readonly lost: AbortSignal;
  /** `host:port` of the server that this one asked to use instead (`ConnectResetRequest`), as HTTP port. */
  readonly redirect: string | undefined;
  /** Whether the server has an ability, as `fuzzyWatch`. */
  can(ability: string): boolean;
  /**
   * One request and its answer. After a refusal it is repeated once with a new token.
   *
   * @throws NacosError with the code of the server; the reason for which the connection was lost
   */
  request(type: string, body: Readonly<Record<string, unknown>>): Promise<Message['body']>;
  close(reason?: unknown): void;
}
