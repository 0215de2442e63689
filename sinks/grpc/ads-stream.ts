import type { Clock } from '../../core/time/index.js';
import type { DiscoveryRequest } from '../../proto/gen/discovery.js';
import type { AdsContent } from './ads-content.js';
import type { AdsObserver, AdsSession, AdsTransport, AdsTypeStatus, EndCode } from './ads-session.js';
import { type ClientNode, clientNode, unknownNode } from './client-node.js';
import { decodeDiscoveryRequest, InvalidRequest } from './discovery-request.js';

export interface AdsStreamOptions {
  readonly content: AdsContent;
  readonly transport: AdsTransport;
  readonly observer: AdsObserver;
  readonly clock: Clock;
  /** How long a response may stay unanswered. */
  readonly ackTimeoutMs: number;
  /** Types one stream may ask for. */
  readonly maxTypes: number;
}

/** A response that was written; not its bytes, or each slow peer would keep a state of its own alive. */
interface Sent {
  readonly nonce: string;
  readonly version: string;
  readonly sentMs: number;
}

/** What a peer has been told of one type. */
type Subscription =
  /** Asked; there is nothing to tell yet. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'sent'; readonly sent: Sent; readonly deadline: AbortController }
  /** `error`: why the peer refused the state; it gets no other until there is a newer one. */
  | { readonly kind: 'settled'; readonly sent: Sent; readonly error?: string };

/**
 * State-of-the-world xDS as one peer sees it: for each type one response is in flight, and the next is the newest
 * state once the peer has answered. It holds no queue: a slow peer skips states.
 *
 * - The first request of a type is always answered, whatever nonce it carries: istiod's first nonce is junk.
 * - A request with the nonce in flight is an ACK, or with an error_detail a NACK. All others are stale.
 *
 * Follows https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol ("ACK and NACK semantics").
 */
export class AdsStream implements AdsSession {
  readonly form = 'sotw';
  readonly #options: AdsStreamOptions;
  readonly #types = new Map<string, Subscription>();
  #node = unknownNode;
  readonly #acked = new Map<string, { readonly version: string; readonly nonce: string }>();
  #open = true;

  constructor(options: AdsStreamOptions) {
    this.#options = options;
  }

  /** What the peer says of itself with the first request that does. */
  get node(): ClientNode {
    return this.#node;
  }

  types(): AdsTypeStatus[] {
    return [...this.#types].map(([typeUrl, subscription]) => {
      const acked = this.#acked.get(typeUrl);
      return { ...typeStatus(typeUrl, subscription), ...(acked === undefined ? {} : { acked }) };
    });
  }

  /** Takes one request as it came. Bytes that are no request end the stream. */
  receive(bytes: Uint8Array): void {
    if (!this.#open) return;
    try {
      this.#handle(decodeDiscoveryRequest(bytes));
    } catch (error) {
      if (!(error instanceof InvalidRequest)) throw error;
      this.#fail('INVALID_ARGUMENT', error.message);
    }
  }

  /** The content has a newer state: types that are not in flight get it now. */
  changed(): void {
    for (const typeUrl of this.#types.keys()) this.#send(typeUrl);
  }

  /** Ends the stream from our side. */
  end(code: EndCode, details: string): void {
    if (!this.#open) return;
    this.close();
    this.#options.transport.end(code, details);
  }

  /** The peer is gone: releases what the stream holds. */
  close(): void {
    this.#open = false;
    for (const subscription of this.#types.values()) {
      if (subscription.kind === 'sent') subscription.deadline.abort();
    }
  }

  #handle(request: DiscoveryRequest): void {
    if (this.#node === unknownNode && request.node) this.#node = clientNode(request.node);
    const { typeUrl } = request;
    const subscription = this.#types.get(typeUrl);
    if (!subscription) {
      if (this.#types.size >= this.#options.maxTypes) {
        this.#fail('RESOURCE_EXHAUSTED', `more than ${this.#options.maxTypes} types on one stream`);
        return;
      }
      this.#options.observer.onRequest(typeUrl, 'initial');
      this.#types.set(typeUrl, { kind: 'waiting' });
    } else if (subscription.kind === 'sent' && request.responseNonce === subscription.sent.nonce) {
      this.#settle(typeUrl, subscription, request.errorDetail?.message);
    } else {
      this.#options.observer.onRequest(typeUrl, 'stale');
      return;
    }
    this.#send(typeUrl);
  }

  #settle(typeUrl: string, { sent, deadline }: Subscription & { kind: 'sent' }, error: string | undefined): void {
    const { observer, clock } = this.#options;
    deadline.abort();
    if (error === undefined) {
      this.#types.set(typeUrl, { kind: 'settled', sent });
      this.#acked.set(typeUrl, { version: sent.version, nonce: sent.nonce });
      observer.onRequest(typeUrl, 'ack');
      observer.onAck(typeUrl, clock.now() - sent.sentMs);
    } else {
      const message = error.slice(0, 1024);
      this.#types.set(typeUrl, { kind: 'settled', sent, error: message });
      observer.onRequest(typeUrl, 'nack');
      observer.onNack(typeUrl, message);
    }
  }

  /** Writes the newest state of a type, if the peer may be written to and does not have it. */
  #send(typeUrl: string): void {
    const subscription = this.#types.get(typeUrl);
    if (!this.#open || !subscription || subscription.kind === 'sent') return;
    const { content, transport, observer, clock } = this.#options;
    const state = content.state(typeUrl);
    if (!state || (subscription.kind === 'settled' && subscription.sent.nonce === state.nonce)) return;
    const { bytes, release } = state.lease();
    const deadline = new AbortController();
    this.#types.set(typeUrl, {
      kind: 'sent',
      sent: { nonce: state.nonce, version: state.version, sentMs: clock.now() },
      deadline,
    });
    transport.write(bytes, release);
    observer.onSent(typeUrl, bytes.length);
    this.#expire(typeUrl, deadline.signal);
  }

  /** Ends the stream when the response in flight is not answered in time. */
  #expire(typeUrl: string, answered: AbortSignal): void {
    const { clock, ackTimeoutMs } = this.#options;
    clock.sleep(ackTimeoutMs, answered).then(
      () => this.#fail('UNAVAILABLE', `no answer to ${typeUrl} within ${ackTimeoutMs} ms`),
      () => undefined, // answered, or the stream is closed
    );
  }

  #fail(code: EndCode, details: string): void {
    if (!this.#open) return;
    this.end(code, details);
    this.#options.observer.onEnded(code, details);
  }
}

function typeStatus(typeUrl: string, subscription: Subscription): AdsTypeStatus {
  if (subscription.kind === 'waiting') return { typeUrl, state: 'waiting' };
  const { version, nonce } = subscription.sent;
  if (subscription.kind === 'sent') return { typeUrl, state: 'sent', version, nonce };
  const { error } = subscription;
  return error === undefined
    ? { typeUrl, state: 'acked', version, nonce }
    : { typeUrl, state: 'nacked', version, nonce, error };
}
