import { backoffMs, type Clock } from '../../core/plugin/index.js';
import type { KubernetesClient, Query } from './client.js';
import { failureOf, KubernetesError } from './kubernetes-error.js';
import { field, keyOf, listOf, metaOf, textOf } from './objects.js';

/** A collection of objects that is followed. */
export interface Collection<Item> {
  /** Path of the list, as `/api/v1/services`. */
  readonly path: string;
  /** `labelSelector`, `fieldSelector`. */
  readonly query?: Query;
  /** What is kept of an object; undefined when it is of no interest. Never throws. */
  decode(object: unknown): Item | undefined;
}

/** Told what a collection holds, in order. Keys are `namespace/name`. */
export interface CollectionObserver<Item> {
  /** Everything there is; what it lacks is gone. First, and again after each time that events were missed. */
  listed(items: ReadonlyMap<string, Item>): void;
  /** An object is there or has changed; undefined when it is gone, or of no interest any more. */
  changed(key: string, item: Item | undefined): void;
  /** The events that came together are over. */
  settled(): void;
}

export interface ListWatchOptions {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  /** Objects a page of a list. */
  readonly pageSize: number;
  /** How long a watch is open before it is opened anew; a dead one is noticed a little later. */
  readonly watchMs: number;
}

/** A page that has been begun and has run out of time is begun anew so often at once. */
const maxListAttempts = 3;
const idleSlackMs = 15_000;
const shortWatchMs = 1000;
const retry = { baseMs: 250, maxMs: 10_000 };

/**
 * Lists a collection and follows it by a watch, for as long as both work: bookmarks keep the version fresh, a watch that
 * the server ends is opened anew at the version it had come to, and one whose version has expired lists anew (410).
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 * @throws KubernetesError as soon as anything else fails, so that whoever follows several things sees it; the signal's reason
 */
export async function listAndWatch<Item>(
  collection: Collection<Item>,
  observer: CollectionObserver<Item>,
  options: ListWatchOptions,
  signal: AbortSignal,
): Promise<never> {
  const { clock } = options;
  let shortWatches = 0;
  let version: string | undefined;
  for (;;) {
    if (version === undefined) {
      const list = await listCollection(collection, options, signal);
      signal.throwIfAborted();
      version = list.resourceVersion;
      observer.listed(list.items);
      observer.settled();
    }
    const openedMs = clock.now();
    try {
      version = await watchOnce(collection, observer, version, options, signal);
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.failure !== 'expired') throw error;
      version = undefined;
    }
    // A server that ends each watch at once, or that forgets at once what it has listed, is not asked without a pause.
    shortWatches = clock.now() - openedMs < shortWatchMs ? shortWatches + 1 : 0;
    if (shortWatches > 0) await clock.sleep(backoffMs(shortWatches - 1, retry), signal);
  }
}

/** A collection at one moment. */
export interface Listing<Item> {
  readonly items: ReadonlyMap<string, Item>;
  readonly resourceVersion: string;
}

/**
 * Reads a collection whole, in pages of one and the same moment.
 * @throws KubernetesError also when a single page failed; the signal's reason
 */
export async function listCollection<Item>(
  collection: Collection<Item>,
  { client, pageSize }: Pick<ListWatchOptions, 'client' | 'pageSize'>,
  signal: AbortSignal,
): Promise<Listing<Item>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listOnce(collection, client, pageSize, signal);
    } catch (error) {
      // The moment of the first page is no longer known: the pages after it cannot be had.
      const isExpired = error instanceof KubernetesError && error.failure === 'expired';
      if (!isExpired || attempt >= maxListAttempts) throw error;
    }
  }
}

async function listOnce<Item>(
  { path, query, decode }: Collection<Item>,
  client: KubernetesClient,
  limit: number,
  signal: AbortSignal,
): Promise<Listing<Item>> {
  const items = new Map<string, Item>();
  let page: string | undefined;
  for (;;) {
    const list = await client.get(path, { ...query, limit, continue: page }, signal);
    const meta = field(list, 'metadata');
    const resourceVersion = textOf(meta['resourceVersion']);
    if (
      !textOf(list['kind']).endsWith('List') ||
      (!Array.isArray(list['items']) && list['items'] !== null) ||
      resourceVersion === ''
    ) {
      throw new KubernetesError('malformed', `${client.server}: ${path} is answered with no list`);
    }
    for (const object of listOf(list, 'items')) {
      const own = metaOf(object);
      if (!own) throw new KubernetesError('malformed', `${client.server}: ${path} lists an object with no name`);
      const item = decode(object);
      if (item !== undefined) items.set(keyOf(own), item);
    }
    page = textOf(meta['continue']) || undefined;
    if (page === undefined) return { items, resourceVersion };
  }
}

/** @returns the version that the watch had come to when the server ended it */
async function watchOnce<Item>(
  { path, query, decode }: Collection<Item>,
  observer: CollectionObserver<Item>,
  from: string,
  { client, watchMs }: ListWatchOptions,
  signal: AbortSignal,
): Promise<string> {
  let resourceVersion = from;
  const timeoutSeconds = Math.max(1, Math.round((watchMs * (0.8 + Math.random() * 0.2)) / 1000));
  const asked = { ...query, resourceVersion, timeoutSeconds, allowWatchBookmarks: true };
  const idleMs = timeoutSeconds * 1000 + idleSlackMs;
  for await (const events of client.watch(path, asked, idleMs, signal)) {
    let told = false;
    try {
      for (const { type, object } of events) {
        if (type === 'ERROR') throw errorEvent(client.server, path, object);
        const meta = metaOf(type === 'BOOKMARK' ? { metadata: { name: '-', ...field(object, 'metadata') } } : object);
        if (!meta) throw new KubernetesError('malformed', `${client.server}: a watch of ${path} with a nameless event`);
        if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') {
          observer.changed(keyOf(meta), type === 'DELETED' ? undefined : decode(object));
          told = true;
        } else if (type !== 'BOOKMARK') {
          throw new KubernetesError('malformed', `${client.server}: a watch of ${path} with an unknown event`);
        }
        resourceVersion = meta.resourceVersion;
      }
    } finally {
      if (told) observer.settled();
    }
  }
  return resourceVersion;
}

/** An error that comes in the stream, after a good status: mostly that the version has expired. */
function errorEvent(server: string, path: string, status: unknown): KubernetesError {
  const code = Number(field({ status }, 'status')['code']) || 500;
  const reason = textOf(field({ status }, 'status')['reason']);
  const failure = code === 410 || reason === 'Expired' || reason === 'Gone' ? 'expired' : failureOf(code);
  return new KubernetesError(failure, `${server}: the watch of ${path} ended with ${code} ${reason}`, { reason });
}
