import { type Json, type KubernetesClient, KubernetesError } from '../../clients/kubernetes/index.js';
import { type Action, applyPolicy, type PolicyName, planFor } from '../../core/plan/plan.js';
import { type Clock, deferred } from '../../core/time/index.js';
import { fieldManagerOf, group, type Kind, type Manifest, type Owner, resources } from './manifest.js';
import { type Observed, observe, observedKey } from './observed.js';
import { RateLimit } from './rate-limit.js';
import { WriteQueue } from './write-queue.js';

export type Verb = 'create' | 'update' | 'delete';

export interface ReconcilerOptions {
  readonly owner: Owner;
  readonly policy: PolicyName;
  readonly apiVersion: string;
  readonly writesPerSecond: number;
  readonly clock: Clock;
  readonly desired: ReadonlyMap<string, Manifest>;
  /** Undefined: what was made of the host by these sources, and is wanted no more, may go; else what is waited for. */
  whyKeep(host: string, sources: readonly string[]): string | undefined;
  onWrite(verb: Verb, key: string, result: 'ok' | KubernetesError['failure']): void;
  onConflict(key: string, reason: string): void;
  onFailure(key: string, error: KubernetesError): void;
}

const backoff = { baseMs: 500, maxMs: 300_000 };
/** How soon it is looked again whether what is held may go. */
const heldMs = 2000;
const conflictMs = 60_000;
/** A refused write is told by the server; it is not sent again and again. */
const throttledMs = 1000;

/** An object that is as it was written, though it is not as it should be: others have a hand in it. */
interface Settled {
  readonly resourceVersion: string;
  readonly version: string;
}

/** Brings the objects of one API to what they should be, one write at a time for each. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #queue: WriteQueue;
  readonly #limit: RateLimit;
  readonly #observed = new Map<string, Observed>();
  readonly #conflicts = new Map<string, string>();
  readonly #held = new Map<string, string>();
  readonly #settled = new Map<string, Settled>();
  /** Writes under way, and whether the watch has told of the object since they began. */
  readonly #writing = new Map<string, { told: boolean }>();
  /** Versions that we have written and the watch has not told of yet: what it tells before is older. */
  readonly #awaited = new Map<string, string>();
  readonly #unlisted: Set<Kind>;
  #ready = deferred();
  readonly #kinds: readonly Kind[];
  #isFilled = false;
  #lastWriteMs: number | undefined;

  constructor(options: ReconcilerOptions, kinds: readonly Kind[]) {
    this.#options = options;
    this.#queue = new WriteQueue(options.clock, backoff);
    this.#limit = new RateLimit(options.writesPerSecond, options.clock);
    this.#kinds = kinds;
    this.#unlisted = new Set(kinds);
  }

  /** Objects that the API has, foreign ones too. */
  get observed(): ReadonlyMap<string, Observed> {
    return this.#observed;
  }

  /** Objects whose place somebody else has. */
  get conflicts(): ReadonlyMap<string, string> {
    return this.#conflicts;
  }

  /** Objects that something would be done about, and why it is not. */
  get held(): ReadonlyMap<string, string> {
    return this.#held;
  }

  /** Objects whose last write failed. */
  get failing(): ReadonlyMap<string, string> {
    const failing = new Map<string, string>();
    for (const [key, { reason }] of this.#queue.waiting) {
      if (!this.#held.has(key) && !this.#conflicts.has(key)) failing.set(key, reason);
    }
    return failing;
  }

  /** Objects that are about to be looked at. */
  get pending(): number {
    return this.#queue.pending;
  }

  get lastWriteMs(): number | undefined {
    return this.#lastWriteMs;
  }

  /** The catalog has said what there should be; nothing is done before. */
  fill(): void {
    if (this.#isFilled) return;
    this.#isFilled = true;
    this.#lookAtAll();
  }

  /** These should be other than before. */
  wanted(keys: Iterable<string>): void {
    if (this.#isReady) for (const key of keys) this.#queue.add(key);
  }

  /** A session begins: what the API has is not known before each kind was listed. */
  begin(): void {
    this.#queue.reset();
    this.#ready = deferred();
    for (const kind of this.#kinds) this.#unlisted.add(kind);
  }

  listed(kind: Kind, items: ReadonlyMap<string, Observed>): void {
    for (const [key, known] of this.#observed) if (known.kind === kind) this.#observed.delete(key);
    for (const writing of this.#writing.values()) writing.told = true;
    for (const key of this.#awaited.keys()) if (isOf(kind, key)) this.#awaited.delete(key);
    for (const item of items.values()) this.#observed.set(observedKey(item), item);
    for (const key of this.#settled.keys()) if (isOf(kind, key) && !this.#observed.has(key)) this.#settled.delete(key);
    for (const key of [...this.#held.keys(), ...this.#queue.waiting.keys()]) {
      if (isOf(kind, key) && this.#plan(key).kind === 'none') this.#forget(key);
    }
    this.#unlisted.delete(kind);
    this.#lookAtAll();
  }

  /** @param key `namespace/name` */
  changed(kind: Kind, name: string, item: Observed | undefined): void {
    const key = `${kind}/${name}`;
    const writing = this.#writing.get(key);
    if (writing) writing.told = true;
    const awaited = this.#awaited.get(key);
    if (item && awaited !== undefined && item.resourceVersion !== awaited) return;
    this.#awaited.delete(key);
    if (item) this.#observed.set(key, item);
    else {
      this.#observed.delete(key);
      this.#settled.delete(key);
    }
    // Our own writes come back as events: there is nothing to do about those.
    if (this.#plan(key).kind === 'none') this.#forget(key);
    else if (this.#isReady) this.#queue.add(key);
  }

  /** Works until the signal aborts. @throws KubernetesError `unreachable`; the signal's reason */
  async work(client: KubernetesClient, signal: AbortSignal): Promise<never> {
    await untilSettled(this.#ready.promise, signal);
    for (;;) {
      const key = await this.#queue.take(signal);
      try {
        await this.#lookAt(key, client, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof KubernetesError)) throw error;
        this.#failed(key, error);
        // The session ends, and everything is looked at again by the next.
        if (error.failure === 'unreachable') throw error;
      }
    }
  }

  get #isReady(): boolean {
    return this.#isFilled && this.#unlisted.size === 0;
  }

  /** What is as it should be needs no look. */
  #lookAtAll(): void {
    if (!this.#isReady) return;
    this.#ready.resolve();
    for (const key of new Set([...this.#options.desired.keys(), ...this.#observed.keys()])) {
      if (this.#plan(key).kind !== 'none') this.#queue.add(key);
    }
  }

  /** It is as it should be: whatever was the matter is over. */
  #forget(key: string): void {
    this.#held.delete(key);
    this.#conflicts.delete(key);
    this.#queue.forget(key);
  }

  #plan(key: string): Action<Manifest, Observed> {
    const { desired, policy, whyKeep } = this.#options;
    const action = planFor(desired.get(key), this.#observed.get(key), {
      whyForeign: ({ foreign }) => foreign,
      isSame: (wanted, observed) => wanted.version === observed.version || this.#isSettled(key, wanted, observed),
      whyKeep: ({ host, sources }) => whyKeep(host, sources),
    });
    return applyPolicy(policy, action);
  }

  #isSettled(key: string, { version }: Manifest, { resourceVersion }: Observed): boolean {
    const settled = this.#settled.get(key);
    return settled?.resourceVersion === resourceVersion && settled.version === version;
  }

  async #lookAt(key: string, client: KubernetesClient, signal: AbortSignal): Promise<void> {
    const action = this.#plan(key);
    this.#held.delete(key);
    if (action.kind !== 'conflict') this.#conflicts.delete(key);
    switch (action.kind) {
      case 'none':
        return this.#queue.done(key);
      case 'conflict':
        return this.#conflict(key, action.reason);
      case 'held':
        this.#held.set(key, `${action.would} is held: ${action.reason}`);
        // A policy holds for ever; a reason may be over without a word.
        return action.by === 'policy' ? this.#queue.done(key) : this.#queue.later(key, action.reason, heldMs);
      case 'create':
      case 'update':
        if (action.desired.after.some((before) => this.#queue.isPending(before))) {
          // Whoever waits for the last of the queue must not turn the queue.
          await this.#options.clock.sleep(5, signal);
          return this.#queue.requeue(key);
        }
        await this.#apply(key, action, client, signal);
        break;
      case 'delete':
        await this.#delete(key, action.observed, client, signal);
    }
    this.#lastWriteMs = this.#options.clock.now();
    this.#options.onWrite(action.kind, key, 'ok');
    this.#queue.done(key);
  }

  /**
   * Server-side apply. A new object is applied without force, so that one that others have made meanwhile is refused, not
   * overwritten; one of ours with force, on the version that was looked at.
   */
  async #apply(
    key: string,
    action: Extract<Action<Manifest, Observed>, { readonly kind: 'create' | 'update' }>,
    client: KubernetesClient,
    signal: AbortSignal,
  ): Promise<void> {
    const { desired } = action;
    await this.#limit.take(signal);
    const { owner, apiVersion } = this.#options;
    const known = action.kind === 'update' ? action.observed : undefined;
    const body: Json = {
      apiVersion: `${group}/${apiVersion}`,
      kind: desired.kind,
      metadata: {
        name: desired.name,
        namespace: desired.namespace,
        labels: desired.labels,
        annotations: desired.annotations,
        ...(known === undefined ? {} : { uid: known.uid, resourceVersion: known.resourceVersion }),
      },
      spec: desired.spec,
    };
    const query = { fieldManager: fieldManagerOf(owner), force: known !== undefined, fieldValidation: 'Strict' };
    const contentType = 'application/apply-patch+yaml';
    const writing = { told: false };
    this.#writing.set(key, writing);
    let object: Json;
    try {
      object = await client.write(this.#path(desired), { method: 'PATCH', query, body, contentType }, signal);
    } finally {
      this.#writing.delete(key);
    }
    const written = observe(desired.kind, object, owner);
    if (!written) throw new KubernetesError('malformed', `${client.server}: a write is answered with no object`);
    // The watch may have told of this version already, of a newer one, or of the end of the object.
    if (!writing.told) {
      this.#observed.set(key, written);
      // A write that changed nothing makes no event.
      if (written.resourceVersion !== known?.resourceVersion) this.#awaited.set(key, written.resourceVersion);
    }
    if (written.version !== desired.version) {
      this.#settled.set(key, { resourceVersion: written.resourceVersion, version: desired.version });
    } else this.#settled.delete(key);
  }

  async #delete(key: string, observed: Observed, client: KubernetesClient, signal: AbortSignal): Promise<void> {
    await this.#limit.take(signal);
    const { uid, resourceVersion } = observed;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } };
    try {
      await client.write(this.#path(observed), { method: 'DELETE', body }, signal);
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.failure !== 'absent') throw error;
    }
    const now = this.#observed.get(key);
    if (now?.resourceVersion === resourceVersion) this.#observed.delete(key);
  }

  #path({ kind, namespace, name }: Pick<Manifest, 'kind' | 'namespace' | 'name'>): string {
    const { apiVersion } = this.#options;
    return `/apis/${group}/${apiVersion}/namespaces/${namespace}/${resources[kind]}/${name}`;
  }

  #failed(key: string, error: KubernetesError): void {
    const { onWrite, onFailure } = this.#options;
    const verb = this.#verbOf(key);
    onWrite(verb, key, error.failure);
    if (error.failure === 'unavailable') this.#queue.pause(error.retryAfterMs ?? throttledMs);
    if (error.failure === 'conflict' && verb === 'create') {
      this.#conflict(key, 'somebody else has just made an object of this name');
      return;
    }
    this.#queue.failed(key, error.message, error.retryAfterMs);
    // A change of ours that met one of somebody else is planned anew on what the watch tells.
    if (error.failure !== 'conflict') onFailure(key, error);
  }

  #verbOf(key: string): Verb {
    if (!this.#options.desired.has(key)) return 'delete';
    return this.#observed.has(key) ? 'update' : 'create';
  }

  #conflict(key: string, reason: string): void {
    if (this.#conflicts.get(key) !== reason) this.#options.onConflict(key, reason);
    this.#conflicts.set(key, reason);
    this.#queue.later(key, reason, conflictMs);
  }
}

function isOf(kind: Kind, key: string): boolean {
  return key.startsWith(`${kind}/`);
}

/** @throws the signal's reason */
async function untilSettled(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = deferred();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
