/** What one port lets its clients do. */
export interface PortLimits {
  /** Connections at a time, those in the middle of a TLS handshake among them. */
  readonly connections: number;
  readonly streamsPerConnection: number;
  /** Of one message from a client. */
  readonly requestBytes: number;
  /** Streams that a connection may have opened and ended within {@link resetWindowMs}, before it is dropped. */
  readonly resets: number;
  readonly resetWindowMs: number;
}

/** What a client was refused for. */
export type RefusedFor =
  | 'clients'
  | 'connections'
  | 'streamsPerConnection'
  | 'requestBytes'
  | 'resets'
  | 'subscriptions'
  | 'tls';

export const defaultLimits = {
  streamsPerConnection: 100,
  requestBytes: 4 * 1024 * 1024,
  resets: 100,
  resetWindowMs: 10_000,
} as const satisfies Omit<PortLimits, 'connections'>;

/**
 * The streams of one connection. A client that opens streams only to end them makes work for the server at little cost of
 * its own (CVE-2023-44487), so that ends are counted, whoever's they are.
 */
export class ConnectionUse {
  streams = 0;
  #ended = 0;
  #windowStartMs = 0;

  /** @returns how many streams have ended within the window, this one too */
  noteEnded(nowMs: number, windowMs: number): number {
    if (nowMs - this.#windowStartMs >= windowMs) {
      this.#windowStartMs = nowMs;
      this.#ended = 0;
    }
    this.streams--;
    this.#ended++;
    return this.#ended;
  }
}
