import { type Collection, type CollectionObserver, metaOf } from '../../clients/kubernetes/index.js';
import { matchesGlob, type Service, sameService } from '../../core/plugin/index.js';
import type { KubernetesConfig } from './config.js';
import { convertService } from './convert.js';
import { decodeService, decodeSlice, type ServiceRecord, type SliceRecord } from './records.js';
import { Touched } from './touched.js';

/** Told what a realm publishes. */
export interface RealmObserver {
  /** Everything was read anew; {@link Realm.published} is whole. */
  listed(): void;
  changed(service: Service): void;
  removed(name: string): void;
}

const sliceSelector = 'kubernetes.io/service-name';

/**
 * The Services and EndpointSlices of one namespace, or of all, and what is published of them. Nothing is published before
 * each of the collections was listed; then a change costs what its own service does.
 */
export class Realm {
  /** Undefined: all namespaces, or the only one. */
  readonly scope: string | undefined;
  readonly services: Collection<ServiceRecord>;
  readonly slices: Collection<SliceRecord>;
  /** Namespaces that the selector takes; undefined without one. */
  readonly namespaces: Collection<true> | undefined;
  readonly #config: KubernetesConfig;
  #published: ReadonlyMap<string, Service> = new Map();

  /** @param namespace undefined: all */
  constructor(config: KubernetesConfig, namespace: string | undefined, scope: string | undefined) {
    const { labelSelector, namespaceSelector } = config;
    const within = namespace === undefined ? '' : `/namespaces/${namespace}`;
    this.#config = config;
    this.scope = scope;
    this.services = { path: `/api/v1${within}/services`, query: { labelSelector }, decode: decodeService };
    this.slices = {
      path: `/apis/discovery.k8s.io/v1${within}/endpointslices`,
      query: { labelSelector: sliceSelector },
      decode: decodeSlice,
    };
    this.namespaces =
      namespaceSelector === undefined
        ? undefined
        : {
            path: '/api/v1/namespaces',
            query: {
              labelSelector: namespaceSelector,
              ...(namespace === undefined ? {} : { fieldSelector: `metadata.name=${namespace}` }),
            },
            decode: (object) => (metaOf(object) ? true : undefined),
          };
  }

  /** By `Service.name`. */
  get published(): ReadonlyMap<string, Service> {
    return this.#published;
  }

  /** A view of the collections that begins with nothing; what is published stays until it has been filled. */
  open(observer: RealmObserver): RealmView {
    return new RealmView(this.#config, this.namespaces !== undefined, observer, this.#published, (published) => {
      this.#published = published;
    });
  }
}

/** What one session has seen of a realm. */
export class RealmView {
  readonly serviceRecords = new Map<string, ServiceRecord>();
  readonly sliceRecords = new Map<string, SliceRecord>();
  readonly #namespaces = new Set<string>();
  /** `namespace/name` of a Service → the keys of its slices. */
  readonly #slicesOf = new Map<string, Set<string>>();
  readonly #servicesIn = new Map<string, Set<string>>();
  readonly #config: KubernetesConfig;
  readonly #selectsNamespaces: boolean;
  readonly #observer: RealmObserver;
  readonly #unlisted: Set<string>;
  readonly #before: ReadonlyMap<string, Service>;
  readonly #onPublished: (published: ReadonlyMap<string, Service>) => void;
  readonly #dirty = new Set<string>();
  readonly #noting = new Set<Touched>();
  #published: Map<string, Service> | undefined;
  /** A collection was listed anew: everything is to be published anew. */
  #anew = false;

  constructor(
    config: KubernetesConfig,
    selectsNamespaces: boolean,
    observer: RealmObserver,
    before: ReadonlyMap<string, Service>,
    onPublished: (published: ReadonlyMap<string, Service>) => void,
  ) {
    this.#config = config;
    this.#selectsNamespaces = selectsNamespaces;
    this.#observer = observer;
    this.#before = before;
    this.#onPublished = onPublished;
    this.#unlisted = new Set(['services', 'slices', ...(selectsNamespaces ? ['namespaces'] : [])]);
  }

  /** Whether each collection was listed. */
  get isListed(): boolean {
    return this.#unlisted.size === 0;
  }

  get published(): ReadonlyMap<string, Service> {
    return this.#published ?? this.#before;
  }

  readonly ofServices: CollectionObserver<ServiceRecord> = {
    listed: (items) => {
      for (const touched of this.#noting) touched.addAll('services');
      this.serviceRecords.clear();
      this.#servicesIn.clear();
      for (const [key, item] of items) this.setService(key, item);
      this.#listed('services');
    },
    changed: (key, item) => this.setService(key, item),
    settled: () => this.settle(),
  };

  readonly ofSlices: CollectionObserver<SliceRecord> = {
    listed: (items) => {
      for (const touched of this.#noting) touched.addAll('slices');
      this.sliceRecords.clear();
      this.#slicesOf.clear();
      for (const [key, item] of items) this.setSlice(key, item);
      this.#listed('slices');
    },
    changed: (key, item) => this.setSlice(key, item),
    settled: () => this.settle(),
  };

  readonly ofNamespaces: CollectionObserver<true> = {
    listed: (items) => {
      this.#namespaces.clear();
      for (const name of items.keys()) this.#namespaces.add(name);
      this.#listed('namespaces');
    },
    changed: (name, item) => {
      if (item) this.#namespaces.add(name);
      else this.#namespaces.delete(name);
      for (const service of this.#servicesIn.get(name) ?? []) this.#dirty.add(service);
    },
    settled: () => this.settle(),
  };

  /** What is told from now on is noted, until {@link endNoting}. */
  beginNoting(): Touched {
    const touched = new Touched();
    this.#noting.add(touched);
    return touched;
  }

  endNoting(touched: Touched): void {
    this.#noting.delete(touched);
  }

  setService(key: string, item: ServiceRecord | undefined): void {
    for (const touched of this.#noting) touched.add('services', key);
    const namespace = key.slice(0, key.indexOf('/'));
    if (item) {
      this.serviceRecords.set(key, item);
      add(this.#servicesIn, namespace, key);
    } else {
      this.serviceRecords.delete(key);
      drop(this.#servicesIn, namespace, key);
    }
    this.#dirty.add(key);
  }

  setSlice(key: string, item: SliceRecord | undefined): void {
    for (const touched of this.#noting) touched.add('slices', key);
    const known = this.sliceRecords.get(key);
    if (known && known.service !== item?.service) {
      drop(this.#slicesOf, known.service, key);
      this.#dirty.add(known.service);
    }
    if (!item) {
      this.sliceRecords.delete(key);
      return;
    }
    this.sliceRecords.set(key, item);
    add(this.#slicesOf, item.service, key);
    this.#dirty.add(item.service);
  }

  /** Publishes what the events so far have changed. */
  settle(): void {
    if (!this.isListed) return;
    if (this.#anew || this.#published === undefined) this.#publishAll();
    else for (const key of this.#dirty) this.#publish(this.#published, key);
    this.#dirty.clear();
  }

  #listed(collection: string): void {
    this.#unlisted.delete(collection);
    this.#anew = true;
  }

  #publishAll(): void {
    const published = new Map<string, Service>();
    for (const key of this.serviceRecords.keys()) {
      const service = this.#build(key);
      if (service) published.set(service.name, service);
    }
    this.#published = published;
    this.#anew = false;
    this.#onPublished(published);
    this.#observer.listed();
  }

  #publish(published: Map<string, Service>, key: string): void {
    const before = published.get(key);
    const service = this.#build(key);
    if (service) {
      published.set(key, service);
      if (!before || !sameService(before, service) || !sameRejected(before, service)) this.#observer.changed(service);
    } else if (before) {
      published.delete(key);
      this.#observer.removed(key);
    }
  }

  /** @returns undefined for what is not there, or not to be published */
  #build(key: string): Service | undefined {
    const record = this.serviceRecords.get(key);
    if (!record || !this.#isWanted(key, record)) return undefined;
    const slices: SliceRecord[] = [];
    for (const slice of this.#slicesOf.get(key) ?? []) {
      const found = this.sliceRecords.get(slice);
      if (found) slices.push(found);
    }
    return convertService(record, slices, this.#config, this.published.get(key));
  }

  #isWanted(key: string, { namespace, annotations }: ServiceRecord): boolean {
    const { include, exclude, export: exported } = this.#config;
    const says = annotations['export'];
    if (says === 'false' || (exported === 'annotated' && says !== 'true')) return false;
    if (this.#selectsNamespaces && !this.#namespaces.has(namespace)) return false;
    return include.some((glob) => matchesGlob(glob, key)) && !exclude.some((glob) => matchesGlob(glob, key));
  }
}

function add(index: Map<string, Set<string>>, key: string, value: string): void {
  const known = index.get(key);
  if (known) known.add(value);
  else index.set(key, new Set([value]));
}

function drop(index: Map<string, Set<string>>, key: string, value: string): void {
  const known = index.get(key);
  known?.delete(value);
  if (known?.size === 0) index.delete(key);
}

function sameRejected(a: Service, b: Service): boolean {
  return JSON.stringify(a.rejected) === JSON.stringify(b.rejected);
}
