import type { ClientNode } from './client-node.js';

/** Status codes a stream ends with (https://grpc.io/docs/guides/status-codes/). */
export type EndCode = 'INVALID_ARGUMENT' | 'RESOURCE_EXHAUSTED' | 'UNAVAILABLE';

/** The peer's side of a stream. Neither method may throw; `end` is called once, and nothing after it. */
export interface AdsTransport {
  /** Calls `written` when it needs the bytes no more; never, if the stream breaks before. */
  write(bytes: Buffer, written: () => void): void;
  end(code: EndCode, details: string): void;
}

/** Our side of a stream: what a server hands the peer's bytes to. */
export interface AdsSession {
  readonly form: 'sotw' | 'delta';
  readonly node: ClientNode;
  types(): AdsTypeStatus[];
  /** Takes one request as it came. */
  receive(bytes: Uint8Array): void;
  /** What it serves is newer, for those that are not told by what they read. */
  changed?(): void;
  /** Ends the stream from our side. */
  end(code: EndCode, details: string): void;
  /** The peer is gone: releases what the stream holds. */
  close(): void;
}

/**
 * - `initial`: the first of its type
 * - `ack`, `nack`: answers the response in flight
 * - `update`: changes what is wanted, and answers nothing
 * - `stale`: answers an older response and says nothing of the newest
 */
export type RequestKind = 'initial' | 'ack' | 'nack' | 'update' | 'stale';

/** What happens on streams, for logs and metrics. */
export interface AdsObserver {
  onRequest(typeUrl: string, kind: RequestKind): void;
  onSent(typeUrl: string, byteLength: number): void;
  onAck(typeUrl: string, ms: number): void;
  /** `refused`: who it was, and which resources, the first hundred; absent where resources have no names of their own. */
  onNack(
    typeUrl: string,
    message: string,
    refused?: { readonly node: string; readonly names: readonly string[] },
  ): void;
  /** The stream ended itself. */
  onEnded(code: EndCode, details: string): void;
}

export interface XdsObserver extends AdsObserver {
  /** A client was refused for it went over a limit. */
  onOverLimit(limit: 'subscriptions'): void;
}

/** What a client was told of one type. */
export interface AdsTypeStatus {
  readonly typeUrl: string;
  readonly state: 'waiting' | 'sent' | 'acked' | 'nacked';
  /** Of the response sent last. */
  readonly version?: string;
  readonly nonce?: string;
  /** Why it was refused. */
  readonly error?: string;
  /** Of the response that the client took last. */
  readonly acked?: { readonly version: string; readonly nonce: string };
  /** Names that the client asks for. */
  readonly subscribed?: number;
  readonly wildcard?: boolean;
  /** Resources that it is still to be told of. */
  readonly pending?: number;
  /** Milliseconds for which it has not had the newest; 0 when it has. */
  readonly lagMs?: number;
  /** Resources that it has refused, with its words, the first hundred. */
  readonly refused?: readonly {
    readonly name: string;
    readonly version: string;
    readonly message: string;
    /** Milliseconds since the epoch. */
    readonly sinceMs: number;
  }[];
}
