import type { Catalog } from '../catalog/catalog.js';

/** An output of the catalog. */
export interface Sink {
  /** Serves until `signal` aborts, then ends what it holds open and settles. A rejection ends the daemon. */
  run(catalog: Catalog, signal: AbortSignal): Promise<void>;
  /** What operators see of it; safe to call at any time. */
  status(): SinkStatus;
  /** What became of one host, for `isthmus why`; undefined when the sink does not have it. */
  explain?(host: string): SinkExplanation | undefined;
  /** Who is connected now; absent for sinks that nobody connects to. Safe to call at any time. */
  clients?(): readonly ConnectedClient[];
}

/** A client that is connected to a sink: one stream, or what the sink's protocol has in its place. */
export interface ConnectedClient {
  /** Address of the client. */
  readonly peer: string;
  /** What it calls itself; empty when it has not said. */
  readonly node: string;
  /** Milliseconds since the epoch. */
  readonly connectedSinceMs: number;
  /** Which part of the sink it reads, as `shard 3 of 16`; absent: the whole. */
  readonly part?: string;
  readonly subscriptions: readonly ClientSubscription[];
}

/** What a client has of one type of resources. */
export interface ClientSubscription {
  readonly typeUrl: string;
  /**
   * - `acked`: it has confirmed the response sent last
   * - `sent`: that is unconfirmed
   * - `nacked`: it has refused it
   * - `waiting`: it was sent nothing yet
   */
  readonly state: 'acked' | 'sent' | 'nacked' | 'waiting';
  /** Of what it has confirmed last. */
  readonly ackedVersion?: string;
  /** Milliseconds since there is something newer than what it has confirmed; 0 when there is not. */
  readonly lagMs: number;
  /** Why it refused. */
  readonly error?: string;
}

/** What a sink makes of one host, and who has it. */
export interface SinkExplanation {
  /** What is served for the host. */
  readonly resources: readonly { readonly name: string; readonly version: string }[];
  /** Why the newest state is not served; the last good one is, if there are resources. */
  readonly refused: readonly string[];
  /** Parts of it that are left out, and why. */
  readonly leftOut: readonly string[];
  readonly clients: readonly SinkClient[];
}

export interface SinkClient {
  /** Address of the client. */
  readonly peer: string;
  /** What it calls itself; empty when it has not said. */
  readonly node: string;
  /**
   * - `acked`: it has confirmed what is served of the host now
   * - `sent`: that is on its way, unconfirmed
   * - `behind`: it has confirmed an older state, and gets the newest when it has answered
   * - `nacked`: it has refused the state sent last
   * - `waiting`: it was sent nothing yet
   */
  readonly state: 'acked' | 'sent' | 'behind' | 'nacked' | 'waiting';
  readonly error?: string;
}

export interface SinkStatus {
  /**
   * `HOST:PORT` once it takes connections; absent before, and for sinks that take none. Sources are not run before each
   * sink is listening or ready, so a sink that takes no connections is `ready` without waiting for the catalog.
   */
  readonly listening?: string;
  /** Whether it does its work: a daemon is ready when each of its sinks is. */
  readonly ready: boolean;
}
