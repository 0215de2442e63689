import pLimit from 'p-limit';
import { backoffMs, type Clock, type Deferred, deferred } from '../../../core/plugin/index.js';
import { type ApplicationInstance, noRevision } from '../application-instance.js';
import { MetadataError, type MetadataInfo, parseMetadataReport } from '../metadata-info.js';
import { fetchMetadata } from './fetch-metadata.js';

export interface MetadataKeeperOptions {
  /**
   * The metadata report's JSON for `storage: 'remote'`; undefined when there is none. Not called for `local`.
   * @throws whatever goes wrong; it is told and tried again
   */
  readonly readReport: (application: string, revision: string, signal: AbortSignal) => Promise<string | undefined>;
  /** Metadata of a revision have come: {@link MetadataKeeper.get} has them now. Must not throw, nor `onFailure`. */
  readonly onArrival: (application: string, revision: string) => void;
  /** An attempt failed, and will be repeated; the message can be shown. Ends with `onArrival`, or when nobody announces it. */
  readonly onFailure: (application: string, revision: string, error: Error) => void;
  readonly clock: Clock;
  /** Ends all attempts. */
  readonly signal: AbortSignal;
  /** For one answer. Default 3000. */
  readonly timeoutMs?: number;
  /** Providers asked and reports read at once. Default 16. */
  readonly concurrency?: number;
  /** Longest answer of a provider, bytes. Default 16 MiB. */
  readonly maxAnswerBytes?: number;
  /** Revisions that are kept after nobody announces them any more, the latest. Default 256. */
  readonly maxRetired?: number;
  /** Default {@link fetchMetadata}. */
  readonly ask?: typeof fetchMetadata;
  readonly random?: () => number;
}

const backoff = { baseMs: 500, maxMs: 60_000 };
/** Instances that one attempt asks, one after another. */
const instancesAnAttempt = 3;
const defaultTimeoutMs = 3000;
const defaultConcurrency = 16;
const defaultMaxAnswerBytes = 16_777_216;
const defaultMaxRetired = 256;

/** A revision that instances announce and no metadata is known of. */
interface Wanted {
  readonly application: string;
  readonly revision: string;
  instances: readonly ApplicationInstance[];
  /** Settles with the first attempt, however that ends, or when nobody announces it any more. */
  readonly tried: Deferred<void>;
  readonly stop: AbortController;
}

/**
 * Has the metadata of every revision that instances announce: fetches what is not known, from the report or from one
 * announcing instance after another, again and again with back-off, and forgets what nobody announces any more (but for
 * the latest few, which often come back).
 */
export class MetadataKeeper {
  readonly #options: MetadataKeeperOptions;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #known = new Map<string, MetadataInfo>();
  /** Keys of `#known` that nobody announces, the longest so first. */
  readonly #retired = new Set<string>();
  readonly #wanted = new Map<string, Wanted>();
  /** Keys that each application's instances announce. */
  readonly #announced = new Map<string, ReadonlySet<string>>();

  constructor(options: MetadataKeeperOptions) {
    this.#options = options;
    this.#limit = pLimit(options.concurrency ?? defaultConcurrency);
    options.signal.addEventListener('abort', () => this.#stop(), { once: true });
  }

  get(application: string, revision: string): MetadataInfo | undefined {
    return this.#known.get(keyOf(application, revision));
  }

  /** The complete list of an application's instances; none when it is gone. Synchronous: fetching goes on behind it. */
  follow(application: string, instances: readonly ApplicationInstance[]): void {
    if (this.#options.signal.aborted) return;
    const byKey = new Map<string, ApplicationInstance[]>();
    for (const instance of instances) {
      if (instance.revision === noRevision) continue;
      const key = keyOf(application, instance.revision);
      const list = byKey.get(key);
      if (list) list.push(instance);
      else byKey.set(key, [instance]);
    }
    // What comes back is taken out of the retired before others are put in.
    for (const [key, announcing] of byKey) this.#want(key, announcing);
    for (const key of this.#announced.get(application) ?? []) if (!byKey.has(key)) this.#retire(key);
    if (byKey.size === 0) this.#announced.delete(application);
    else this.#announced.set(application, new Set(byKey.keys()));
  }

  /** Resolves when every revision followed by now was fetched or has failed once; rejects when `signal` aborts. */
  async settled(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = deferred<never>();
    const onAbort = () => aborted.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const all = Promise.all([...this.#wanted.values()].map(({ tried }) => tried.promise));
      await Promise.race([all, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #want(key: string, instances: readonly ApplicationInstance[]): void {
    this.#retired.delete(key);
    const wanted = this.#wanted.get(key);
    if (wanted) wanted.instances = instances;
    const [first] = instances;
    if (wanted || this.#known.has(key) || first === undefined) return;
    const { application, revision } = first;
    const made: Wanted = { application, revision, instances, tried: deferred(), stop: new AbortController() };
    this.#wanted.set(key, made);
    void this.#fetch(key, made);
  }

  #retire(key: string): void {
    const wanted = this.#wanted.get(key);
    this.#wanted.delete(key);
    wanted?.stop.abort(new MetadataError('nobody announces the revision any more'));
    wanted?.tried.resolve();
    if (!this.#known.has(key)) return;
    this.#retired.add(key);
    const [oldest] = this.#retired;
    if (this.#retired.size <= (this.#options.maxRetired ?? defaultMaxRetired) || oldest === undefined) return;
    this.#retired.delete(oldest);
    this.#known.delete(oldest);
  }

  #stop(): void {
    for (const key of [...this.#wanted.keys()]) this.#retire(key);
  }

  /** Until it is there or not wanted any more. Never rejects. */
  async #fetch(key: string, wanted: Wanted): Promise<void> {
    const { application, revision, tried } = wanted;
    const { signal } = wanted.stop;
    const { clock, random, onArrival, onFailure } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const result = await this.#limit(() => this.#attempt(wanted, signal)).catch(toError);
      if (signal.aborted) return;
      if (!(result instanceof Error)) {
        this.#wanted.delete(key);
        this.#known.set(key, result);
        onArrival(application, revision);
        tried.resolve();
        return;
      }
      onFailure(application, revision, result);
      tried.resolve();
      // Aborted: the loop ends.
      await clock.sleep(backoffMs(attempt, backoff, random), signal).catch(() => undefined);
    }
  }

  async #attempt(wanted: Wanted, signal: AbortSignal): Promise<MetadataInfo> {
    signal.throwIfAborted();
    const { instances, application, revision } = wanted;
    let failure: unknown = new MetadataError('no instance announces it');
    if (instances.some(({ storage }) => storage === 'remote')) {
      try {
        return await this.#withDeadline(signal, (within) => this.#readReport(application, revision, within));
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
    }
    const local = instances.filter(({ storage }) => storage === 'local');
    const { random = Math.random, ask = fetchMetadata, maxAnswerBytes = defaultMaxAnswerBytes } = this.#options;
    const from = Math.floor(random() * local.length);
    for (let index = 0; index < Math.min(local.length, instancesAnAttempt); index++) {
      const instance = local[(from + index) % local.length];
      if (instance === undefined) break;
      try {
        return await this.#withDeadline(signal, (within) => ask(instance, { maxAnswerBytes, signal: within }));
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }

  async #readReport(application: string, revision: string, signal: AbortSignal): Promise<MetadataInfo> {
    const text = await this.#options.readReport(application, revision, signal);
    if (text === undefined) throw new MetadataError(`the metadata report has no revision ${revision}`);
    return parseMetadataReport(text, application, revision);
  }

  /** Rejects at the deadline even when `work` does not heed its signal. */
  async #withDeadline<Result>(outer: AbortSignal, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const { clock, timeoutMs = defaultTimeoutMs } = this.#options;
    const inner = new AbortController();
    const onAbort = () => inner.abort(outer.reason);
    outer.addEventListener('abort', onAbort, { once: true });
    const deadline = clock.sleep(timeoutMs, inner.signal).then(() => {
      throw new MetadataError(`no answer within ${timeoutMs} ms`);
    });
    try {
      return await Promise.race([work(inner.signal), deadline]);
    } finally {
      outer.removeEventListener('abort', onAbort);
      // Ends the sleep after an answer, and the work after the deadline.
      inner.abort(new MetadataError('not waited for any more'));
    }
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function keyOf(application: string, revision: string): string {
  return `${application}\n${revision}`;
}
