import type { Clock } from '../../core/time/index.js';
import type { DeltaDiscoveryRequest, DiscoveryRequest, Node } from '../../proto/gen/discovery.js';
import type { AckDeadlines } from './ack-deadlines.js';
import type { AdsSession, AdsTransport, AdsTypeStatus, EndCode, XdsObserver } from './ads-session.js';
import { type ClientNode, clientNode, unknownNode } from './client-node.js';
import { decodeDeltaDiscoveryRequest, decodeDiscoveryRequest, InvalidRequest } from './discovery-request.js';
import { type IsSettled, nextResponse, type Told } from './next-response.js';
import { clusterType, isPartial, listenerType, orderOf, resentWith } from './push-order.js';
import type { ResourceCache } from './resource-cache.js';
import type { CacheStream } from './resource-type.js';
import type { SharedResponses, XdsForm } from './shared-responses.js';
import { type Retries, Subscription } from './subscription.js';
import { typeStatusOf } from './subscription-status.js';

export interface XdsStreamOptions {
  readonly form: XdsForm;
  readonly cache: ResourceCache;
  readonly responses: SharedResponses;
  readonly transport: AdsTransport;
  readonly observer: XdsObserver;
  readonly clock: Clock;
  readonly deadlines: AckDeadlines;
  /** For the words that the stream ends with when a response is not answered. */
  readonly ackTimeoutMs: number;
  /** Types that one stream may ask for. */
  readonly maxTypes: number;
  /** Names that one stream may ask for, over all types. */
  readonly maxSubscriptions: number;
}

const wildcardName = '*';
const messageLimit = 1024;

/**
 * Aggregated xDS as one client sees it, in either form. For each type one response is in flight; the next holds the
 * newest state of what the client lacks once it has answered. Nothing is queued: a slow client skips states.
 *
 * - What the client wants: names, or the wildcard of its gateway, which is what it gets as long as it names nothing.
 * - What it has: of all it wants it was told the newest, but for what is marked stale.
 * - A refusal is noted with its words, for the resources it names, or for all of the response; it holds up nothing else.
 * - What is referred to comes before what refers to it, and goes after it: see {@link orderOf}.
 *
 * Follows https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol.
 */
export class XdsStream implements AdsSession, CacheStream {
  readonly #options: XdsStreamOptions;
  /** In the order in which they are written. */
  #subscriptions: Subscription[] = [];
  readonly #byType = new Map<string, Subscription>();
  /**
   * Names that are to be told once more, by type, though the client says that it has them. It says that with its first
   * request of a type in delta form, and never else.
   */
  readonly #owed = new Map<string, Set<string>>();
  readonly #leaveCache: () => void;
  readonly #leaveDeadlines: () => void;
  readonly #isSettled: IsSettled;
  #node: ClientNode | undefined;
  #named = 0;
  #open = true;
  touched = false;

  constructor(options: XdsStreamOptions) {
    this.#options = options;
    this.#leaveCache = options.cache.join(this);
    this.#leaveDeadlines = options.deadlines.hold();
    this.#isSettled = (typeUrl, revision, what) => this.#byType.get(typeUrl)?.isSettled(revision, what) ?? true;
  }

  get form(): XdsForm {
    return this.#options.form;
  }

  get node(): ClientNode {
    return this.#node ?? unknownNode;
  }

  /** Names that are kept because the client may have to be told of them once more. */
  get owed(): number {
    let count = 0;
    for (const { size } of this.#owed.values()) count += size;
    return count;
  }

  types(): AdsTypeStatus[] {
    const nowMs = this.#options.clock.now();
    return this.#subscriptions.map((subscription) => typeStatusOf(subscription, nowMs));
  }

  /** Takes one request as it came. Bytes that are no request end the stream. */
  receive(bytes: Uint8Array): void {
    if (!this.#open) return;
    try {
      if (this.#options.form === 'delta') this.#takeDelta(decodeDeltaDiscoveryRequest(bytes));
      else this.#takeSotw(decodeDiscoveryRequest(bytes));
    } catch (error) {
      if (!(error instanceof InvalidRequest)) throw error;
      this.#fail('INVALID_ARGUMENT', error.message);
    }
    this.#options.cache.asked(this);
  }

  /** A type may have become ready. */
  changed(): void {
    this.#options.cache.asked(this);
  }

  flush(): void {
    for (const subscription of this.#subscriptions) this.#send(subscription);
    // What was written last may have nothing to tell after all, so that what waited for it need not.
    for (const subscription of this.#subscriptions) this.#send(subscription);
  }

  end(code: EndCode, details: string): void {
    if (!this.#open) return;
    this.close();
    this.#options.transport.end(code, details);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#leaveCache();
    for (const subscription of this.#subscriptions) {
      if (subscription.inFlight) this.#options.deadlines.delete(subscription.inFlight);
      subscription.close();
      this.#options.cache.releaseType(subscription.typeUrl);
    }
    this.#leaveDeadlines();
  }

  #takeDelta(request: DeltaDiscoveryRequest): void {
    const { typeUrl, responseNonce } = request;
    const known = this.#byType.get(typeUrl);
    const subscription = this.#meet(request.node, typeUrl, responseNonce);
    if (!subscription) return;
    const subscribe = new Set(request.resourceNamesSubscribe);
    const assumed = new Map(known ? [] : request.initialResourceVersions.map(({ name, version }) => [name, version]));
    for (const [name, version] of assumed) subscription.assume(name, version);
    if (known && responseNonce !== '') this.#answer(known, responseNonce, request.errorDetail?.message);
    for (const name of request.resourceNamesUnsubscribe) this.#unsubscribe(subscription, name);
    if (!this.#admit(subscription, subscribe)) return;
    for (const name of subscribe) this.#subscribe(subscription, name, assumed.has(name));
    this.#owed.delete(typeUrl);
    if (!known && subscribe.size === 0) subscription.subscribeWildcard();
    if (assumed.size > 0) subscription.forgetUnwanted();
  }

  #takeSotw({ typeUrl, responseNonce, errorDetail, resourceNames, node }: DiscoveryRequest): void {
    const known = this.#byType.get(typeUrl);
    const subscription = this.#meet(node, typeUrl, responseNonce);
    if (!subscription) return;
    let answered = false;
    if (known?.last && responseNonce !== '') {
      if (responseNonce !== known.last.nonce) {
        this.#options.observer.onRequest(typeUrl, 'stale');
        return;
      }
      answered = known.inFlight !== undefined;
      if (answered) this.#answer(known, responseNonce, errorDetail?.message);
      else this.#options.observer.onRequest(typeUrl, 'update');
    }
    const wanted = new Set(resourceNames);
    const wildcard = wanted.delete(wildcardName) || (wanted.size === 0 && !subscription.explicit);
    if (resourceNames.length > 0) subscription.explicit = true;
    const changed = this.#replaceNames(subscription, wanted, wildcard);
    // The same once more is no answer and no new wish: the client waits for what it has, as while it warms a cluster.
    if (known && !answered && !changed) subscription.repeat();
  }

  /** Makes the names, and the wildcard, all that a client wants. @returns whether they are others than before. */
  #replaceNames(subscription: Subscription, wanted: ReadonlySet<string>, wildcard: boolean): boolean {
    let changed = wildcard !== subscription.isWildcard;
    // Who leaves the wildcard, or comes to it, must be told what that leaves it with.
    if (changed && !isPartial(subscription.typeUrl)) subscription.answerDue = true;
    if (!wildcard) subscription.unsubscribeWildcard();
    for (const name of subscription.named) {
      if (wanted.has(name)) continue;
      this.#unsubscribe(subscription, name);
      changed = true;
    }
    if (!this.#admit(subscription, wanted)) return changed;
    for (const name of wanted) {
      if (subscription.named.has(name)) continue;
      this.#subscribe(subscription, name, false);
      changed = true;
    }
    if (wildcard) subscription.subscribeWildcard();
    return changed;
  }

  /** Notes who asks. @returns the subscription of the type, new with its first request; undefined when there are too many. */
  #meet(node: Node | undefined, typeUrl: string, nonce: string): Subscription | undefined {
    const { observer, cache, clock, maxTypes } = this.#options;
    if (!this.#node && node) this.#node = clientNode(node);
    const known = this.#byType.get(typeUrl);
    if (known) {
      if (nonce === '' || !known.last) observer.onRequest(typeUrl, 'update');
      return known;
    }
    if (this.#byType.size >= maxTypes) {
      this.#fail('RESOURCE_EXHAUSTED', `more than ${maxTypes} types on one stream`);
      return undefined;
    }
    observer.onRequest(typeUrl, 'initial');
    const subscription = new Subscription({
      stream: this,
      typeUrl,
      gateway: this.node.cluster,
      type: cache.holdType(typeUrl),
      retries: retriesOf(this.form, typeUrl),
      now: () => clock.now(),
    });
    this.#byType.set(typeUrl, subscription);
    this.#subscriptions = [...this.#subscriptions, subscription].sort(
      (a, b) => orderOf(a.typeUrl).rank - orderOf(b.typeUrl).rank,
    );
    return subscription;
  }

  /** Ends the stream if it would want too many names. */
  #admit(subscription: Subscription, names: Iterable<string>): boolean {
    const { maxSubscriptions, observer } = this.#options;
    let named = this.#named;
    for (const name of names) if (name !== wildcardName && !subscription.named.has(name)) named++;
    if (named <= maxSubscriptions) return true;
    observer.onOverLimit('subscriptions');
    this.#fail('RESOURCE_EXHAUSTED', `more than ${maxSubscriptions} subscriptions on one stream`);
    return false;
  }

  /** @param assumed the client says that it has the resource */
  #subscribe(subscription: Subscription, name: string, assumed: boolean): void {
    if (name === wildcardName) {
      subscription.subscribeWildcard();
      return;
    }
    if (!subscription.named.has(name)) this.#named++;
    const owed = this.#owed.get(subscription.typeUrl)?.has(name) ?? false;
    if (assumed && !owed) subscription.subscribeAssumed(name);
    else subscription.subscribe(name);
  }

  #unsubscribe(subscription: Subscription, name: string): void {
    if (name === wildcardName) subscription.unsubscribeWildcard();
    else if (subscription.unsubscribe(name)) this.#named--;
  }

  /** Takes an answer to the response in flight; one to an older response says nothing. */
  #answer(subscription: Subscription, nonce: string, error: string | undefined): void {
    const { observer, clock, deadlines } = this.#options;
    const { typeUrl, inFlight } = subscription;
    if (inFlight?.response.nonce !== nonce) {
      observer.onRequest(typeUrl, 'stale');
      return;
    }
    deadlines.delete(inFlight);
    const nowMs = clock.now();
    if (error === undefined) {
      subscription.acknowledge(inFlight);
      this.#oweNoMore(typeUrl, inFlight.response.removed);
      observer.onRequest(typeUrl, 'ack');
      observer.onAck(typeUrl, nowMs - inFlight.sentMs);
      return;
    }
    const message = error.slice(0, messageLimit);
    const names = subscription.refuse(inFlight, message, nowMs);
    observer.onRequest(typeUrl, 'nack');
    observer.onNack(typeUrl, message, { node: this.node.id, names });
  }

  /** Writes what the client lacks of a type, if it may be written to. */
  #send(subscription: Subscription): void {
    const { cache, form, responses, transport, observer, clock, deadlines, ackTimeoutMs } = this.#options;
    const { typeUrl } = subscription;
    if (!this.#open || !subscription.hasMore || !cache.isReady(typeUrl)) return;
    const told = nextResponse(subscription, form, cache.revision, this.#isSettled);
    if (!told) {
      subscription.noteIfCurrent();
      return;
    }
    const { resources, removed, covers } = told;
    const nonce = subscription.nextNonce(cache.revision);
    const response = responses.get({ form, typeUrl, nonce, resources, removed });
    const bytes = response.bytes();
    const expire = () => this.#fail('UNAVAILABLE', `no answer to ${typeUrl} within ${ackTimeoutMs} ms`);
    const inFlight = { response, covers, sentMs: clock.now(), expire };
    subscription.send(inFlight);
    deadlines.add(inFlight);
    this.#resend(typeUrl, told);
    transport.write(bytes, () => undefined);
    observer.onSent(typeUrl, bytes.length);
  }

  /** Marks what the client needs once more because of what it is sent now. */
  #resend(typeUrl: string, { renewed }: Told): void {
    const type = resentWith(typeUrl);
    if (type === undefined || renewed.length === 0) return;
    const subscription = this.#byType.get(type);
    for (const name of renewed) {
      if (subscription?.wanted(name)) subscription.tell(name);
      else this.#owe(type, name);
    }
  }

  #owe(typeUrl: string, name: string): void {
    const subscription = this.#byType.get(typeUrl);
    if (subscription) {
      subscription.mayRepeat = true;
      return;
    }
    if (this.form === 'sotw') return;
    const names = this.#owed.get(typeUrl) ?? new Set();
    this.#owed.set(typeUrl, names.add(name));
  }

  /** What the client has let go of it will warm no more; and of a cluster that resolves names it never asks for endpoints. */
  #oweNoMore(typeUrl: string, removed: readonly string[]): void {
    const type = resentWith(typeUrl);
    const names = type === undefined ? undefined : this.#owed.get(type);
    for (const name of removed) names?.delete(name);
  }

  #fail(code: EndCode, details: string): void {
    if (!this.#open) return;
    this.end(code, details);
    this.#options.observer.onEnded(code, details);
  }
}

/** A full state cannot be told in parts; of clusters and listeners, clients take those that they do not name as bad. */
function retriesOf(form: XdsForm, typeUrl: string): Retries {
  if (form === 'sotw' && !isPartial(typeUrl)) return 'never';
  return typeUrl === clusterType || typeUrl === listenerType ? 'unnamed' : 'always';
}
