import { type CacheStream, inWildcard, type ResourceReader, type ResourceType } from './resource-type.js';
import { Retrials } from './retrials.js';
import type { SharedResponse } from './shared-responses.js';
import type { XdsResource } from './xds-resource.js';

/** A resource of which the client has not been told the newest. */
export interface Stale {
  /** The version that the client has; undefined when it has none. */
  readonly held: string | undefined;
  /** It must be told in any case, if only that there is no such resource. */
  asked: boolean;
  /** Of the cache, when it first changed without the client being told. */
  readonly since: number;
  /** Of the cache, when it last changed. */
  revision: number;
  /** What it was before it was deleted. */
  deleted: XdsResource | undefined;
}

/** A response that was written and not answered. */
export interface InFlight {
  readonly response: SharedResponse;
  readonly sentMs: number;
  readonly covers: Covered;
  expire(): void;
}

/** Revisions up to which a client was told what was set, and all that changed. */
export interface Covered {
  readonly sets: number;
  readonly all: number;
}

/** A response as the client was told of it; not its resources, which may be large. */
export interface SentResponse {
  readonly nonce: string;
  readonly version: string;
  /** Why the client refused it. */
  readonly error?: string;
}

/** Whether a refused response is told again in parts: not at all, unless the client names what it refuses, in any case. */
export type Retries = 'never' | 'unnamed' | 'always';

/** Resources of a refused response that the refusal is noted for. */
const refusedLimit = 100;

/** A resource that the client has refused. */
export interface RefusedResource {
  readonly name: string;
  readonly version: string;
  /** The client's words. */
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
}

/**
 * What one stream wants of one type, and what its client has of it. Of the resources that it wants and that are not in
 * {@link stale}, the client was told the newest: what is held here is what changed, not what there is.
 */
export class Subscription implements ResourceReader {
  readonly stream: CacheStream;
  readonly typeUrl: string;
  readonly gateway: string;
  readonly type: ResourceType;
  readonly named = new Set<string>();
  readonly stale = new Map<string, Stale>();
  readonly refused = new Map<string, RefusedResource>();
  readonly retrials = new Retrials();
  readonly #retries: Retries;
  readonly #now: () => number;
  #wildcard = false;
  /** Whether the client has ever said a name; until then, saying none means all. */
  explicit = false;
  /** A request must be answered even if there is nothing to tell. */
  answerDue = true;
  /** A request that says the same once more is answered with all that it names. */
  mayRepeat = false;
  #fresh = false;
  #inFlight: InFlight | undefined;
  #last: SentResponse | undefined;
  #acked: SentResponse | undefined;
  #answered: Covered = { sets: 0, all: 0 };
  #behindSinceMs: number | undefined;
  #nonceRevision = -1;
  #nonceRepeat = 0;

  constructor(options: {
    readonly stream: CacheStream;
    readonly typeUrl: string;
    readonly gateway: string;
    readonly type: ResourceType;
    readonly retries: Retries;
    readonly now: () => number;
  }) {
    this.stream = options.stream;
    this.typeUrl = options.typeUrl;
    this.gateway = options.gateway;
    this.type = options.type;
    this.#retries = options.retries;
    this.#now = options.now;
    this.#behindSinceMs = this.#now();
  }

  get isWildcard(): boolean {
    return this.#wildcard;
  }

  /** The client wants the wildcard alone, has nothing and was told nothing: what is stale is all of it, and not listed. */
  get isFresh(): boolean {
    return this.#fresh;
  }

  /** All of the wildcard is told now. */
  endFresh(): void {
    this.#fresh = false;
  }

  /** Resources of which the client was not told the newest. */
  get pending(): number {
    return this.#fresh ? this.type.inWildcardOf(this.gateway).length : this.stale.size;
  }

  get inFlight(): InFlight | undefined {
    return this.#inFlight;
  }

  /** The response sent last, whether or not it was answered. */
  get last(): SentResponse | undefined {
    return this.#last;
  }

  /** The response that the client took last. */
  get acked(): SentResponse | undefined {
    return this.#acked;
  }

  /** Since when the client has not had the newest. */
  get behindSinceMs(): number | undefined {
    return this.#behindSinceMs;
  }

  /** What the client has answered for. */
  get answered(): Covered {
    return this.#answered;
  }

  /** Whether the client may be written to, and may lack something. */
  get hasMore(): boolean {
    return !this.#inFlight && (this.stale.size > 0 || this.answerDue || this.#fresh || this.retrials.pending);
  }

  /** The resource of a name as this client is to have it. */
  wanted(name: string): XdsResource | undefined {
    const resource = this.type.entry(name)?.resource;
    if (!resource) return undefined;
    return this.named.has(name) || (this.#wildcard && inWildcard(resource, this.gateway)) ? resource : undefined;
  }

  /** All that this client is to have. */
  *allWanted(): Generator<XdsResource> {
    if (this.#wildcard) {
      for (const resource of this.type.resources()) {
        if (inWildcard(resource, this.gateway) || this.named.has(resource.name)) yield resource;
      }
      return;
    }
    for (const name of this.named) {
      const resource = this.type.entry(name)?.resource;
      if (resource) yield resource;
    }
  }

  onChanged(name: string, before: XdsResource | undefined, after: XdsResource | undefined, revision: number): void {
    if (!after) this.refused.delete(name);
    if (this.#fresh) return;
    const known = this.stale.get(name);
    if (known) {
      known.revision = revision;
      known.deleted = after ? undefined : (before ?? known.deleted);
      return;
    }
    this.#mark(name, { held: before?.version, asked: false, revision, deleted: after ? undefined : before });
  }

  /** What the client had when it connected. */
  assume(name: string, version: string): void {
    this.#mark(name, { held: version, asked: false, revision: 0, deleted: undefined });
  }

  /** Tells a name whatever the client is thought to have of it. */
  tell(name: string): void {
    this.#listFresh();
    const known = this.stale.get(name);
    if (known) known.asked = true;
    else this.#mark(name, { held: undefined, asked: true, revision: this.#revisionOf(name), deleted: undefined });
  }

  /** Adds a name, which is told even if the client asks for it again, for then it has forgotten it. */
  subscribe(name: string): void {
    this.subscribeAssumed(name);
    this.tell(name);
  }

  /** Adds a name of which the client has the version that was assumed. */
  subscribeAssumed(name: string): void {
    this.#listFresh();
    if (this.named.has(name)) return;
    this.named.add(this.type.addReader(name, this));
  }

  /** @returns whether it was subscribed. */
  unsubscribe(name: string): boolean {
    if (!this.named.delete(name)) return false;
    this.type.removeReader(name, this);
    // The client cannot know whether the wildcard still has it.
    if (this.#wildcard) this.tell(name);
    else this.#forget(name);
    return true;
  }

  subscribeWildcard(): void {
    if (this.#wildcard) return;
    this.#wildcard = true;
    this.type.addWildcardReader(this);
    if (!this.#inFlight && this.stale.size === 0 && this.named.size === 0) {
      this.#fresh = true;
      this.#behindSinceMs ??= this.#now();
      return;
    }
    // What is on its way to the client it will now keep, even if it had given up the name.
    for (const { name } of this.#inFlight?.response.resources ?? []) if (!this.named.has(name)) this.tell(name);
    this.#listWildcard();
  }

  unsubscribeWildcard(): void {
    if (!this.#wildcard) return;
    this.#wildcard = false;
    this.#fresh = false;
    this.type.removeWildcardReader(this);
    for (const name of [...this.stale.keys(), ...this.refused.keys()]) if (!this.named.has(name)) this.#forget(name);
  }

  /** The client says the same once more: tells all names again, once for each time that it may need that. */
  repeat(): void {
    if (!this.mayRepeat) return;
    this.mayRepeat = false;
    for (const name of this.named) this.tell(name);
  }

  send(inFlight: InFlight): void {
    this.#inFlight = inFlight;
    const { nonce, version } = inFlight.response;
    this.#last = { nonce, version };
    this.#behindSinceMs ??= inFlight.sentMs;
  }

  acknowledge({ response, covers }: InFlight): void {
    this.#settle(covers);
    this.#acked = this.#last;
    if (this.refused.size === 0) return;
    for (const { name } of response.resources) this.refused.delete(name);
    for (const name of response.removed) this.refused.delete(name);
  }

  /** @returns the resources that were refused: those the message names, or all, the first hundred. */
  refuse({ response, covers }: InFlight, message: string, nowMs: number): readonly string[] {
    this.#settle(covers);
    const { nonce, version } = response;
    this.#last = { nonce, version, error: message };
    const named = response.resources.filter((resource) => mentions(message, resource.name));
    if (this.#retries === 'always' || (this.#retries === 'unnamed' && named.length === 0)) {
      this.retrials.add(response.resources, named);
      for (const { name } of response.resources) if (this.stale.has(name)) this.tell(name);
      // Removals that came with it may have been refused for a resource's sake.
      if (response.resources.length > 0) for (const name of response.removed) this.tell(name);
    }
    const refused = (named.length > 0 ? named : response.resources).slice(0, refusedLimit);
    for (const resource of refused) {
      const { name } = resource;
      this.refused.set(name, { name, version: resource.version, message, sinceMs: nowMs });
    }
    return refused.map(({ name }) => name);
  }

  /** Resources of a refused response to be told again, apart from others of it; what has changed since is not. */
  nextRetrial(): readonly XdsResource[] {
    return this.retrials.next((resource) => !this.stale.has(resource.name) && this.wanted(resource.name) === resource);
  }

  /** Ends {@link behindSinceMs} when there is nothing that the client lacks. */
  noteIfCurrent(): void {
    if (!this.#inFlight && !this.hasMore) this.#behindSinceMs = undefined;
  }

  /** Of what was stale, only this is left. */
  keepStale(left: readonly (readonly [string, Stale])[]): void {
    this.stale.clear();
    for (const [name, stale] of left) this.stale.set(name, stale);
  }

  /** Lets go of names that were assumed and are not wanted. */
  forgetUnwanted(): void {
    if (this.#wildcard) return;
    for (const name of this.stale.keys()) if (!this.named.has(name)) this.#forget(name);
  }

  /** The stream is over. */
  close(): void {
    for (const name of this.named) this.type.removeReader(name, this);
    this.type.removeWildcardReader(this);
    this.stale.clear();
    this.refused.clear();
    this.retrials.clear();
  }

  /** Whether the client has answered for what was set (`all`: and removed) up to a revision. */
  isSettled(revision: number, what: keyof Covered): boolean {
    if (this.#inFlight) return this.#answered[what] >= revision;
    if (this.#fresh) return false;
    for (const [name, stale] of this.stale) {
      if (stale.since <= revision && (what === 'all' || this.wanted(name))) return false;
    }
    return true;
  }

  /** Of the next response: the same on all streams for which it is the first since the cache changed. */
  nextNonce(revision: number): string {
    if (this.#nonceRevision !== revision) {
      this.#nonceRevision = revision;
      this.#nonceRepeat = 0;
      return revision.toString(36);
    }
    this.#nonceRepeat++;
    return `${revision.toString(36)}.${this.#nonceRepeat.toString(36)}`;
  }

  #settle(covers: Covered): void {
    this.#inFlight = undefined;
    this.#answered = covers;
    this.noteIfCurrent();
  }

  /** Lists what is stale, for it is no longer the wildcard alone. */
  #listFresh(): void {
    if (!this.#fresh) return;
    this.#fresh = false;
    this.#listWildcard();
  }

  /** Marks what the wildcard has and the client was told nothing of. */
  #listWildcard(): void {
    for (const resource of this.type.resources()) {
      const { name } = resource;
      if (!inWildcard(resource, this.gateway) || this.named.has(name) || this.stale.has(name)) continue;
      this.#mark(name, { held: undefined, asked: false, revision: this.#revisionOf(name), deleted: undefined });
    }
  }

  #revisionOf(name: string): number {
    return this.type.entry(name)?.revision ?? 0;
  }

  #mark(name: string, { held, asked, revision, deleted }: Omit<Stale, 'since'>): void {
    this.stale.set(name, { held, asked, since: revision, revision, deleted });
    this.#behindSinceMs ??= this.#now();
  }

  #forget(name: string): void {
    this.stale.delete(name);
    this.refused.delete(name);
  }
}

const partOfName = /[\w.-]/;

/** Whether a client's words name a resource, and not a longer name that begins or ends like it. */
function mentions(message: string, name: string): boolean {
  if (name === '') return false;
  for (let at = message.indexOf(name); at >= 0; at = message.indexOf(name, at + 1)) {
    const [before = '', after = ''] = [message[at - 1], message[at + name.length]];
    if (!partOfName.test(before) && !partOfName.test(after)) return true;
  }
  return false;
}
