import type { Service, SourceOutput } from '../../core/plugin/index.js';

/** How far one namespace has been read. */
type NamespaceState = 'reading' | 'complete' | 'failed';

/** Scope of trouble with the list of namespaces itself. */
const directoryScope = 'namespaces';

/**
 * Joins what the readers of the namespaces say into one source. The first `replaceAll` needs every namespace; until then
 * nothing is published, unless a namespace fails: then what the others hold goes out service by service, so that one
 * namespace does not hold up all, and the source stays unsynced. A failing namespace keeps what was read of it last.
 */
export class Publication {
  readonly #out: SourceOutput;
  readonly #services = new Map<string, Service>();
  readonly #owners = new Map<string, Set<string>>();
  readonly #namespaces = new Map<string, NamespaceState>();
  /** Whether the set of namespaces is known to be all that are to be read. */
  #directory: NamespaceState = 'reading';
  #synced = false;
  #flowing = false;

  constructor(out: SourceOutput) {
    this.#out = out;
  }

  service(name: string): Service | undefined {
    return this.#services.get(name);
  }

  /** @param previous of this name; the same object when nothing changed. @returns whether it did */
  put(namespace: string, service: Service): boolean {
    if (this.#services.get(service.name) === service) return false;
    this.#services.set(service.name, service);
    this.#names(namespace).add(service.name);
    if (this.#flowing) this.#out.upsert(service);
    return true;
  }

  remove(namespace: string, name: string): void {
    this.#names(namespace).delete(name);
    if (this.#services.delete(name) && this.#flowing) this.#out.remove(name);
  }

  /** The namespaces that are read, all of them. */
  namespacesKnown(namespaces: readonly string[]): void {
    const known = new Set(namespaces);
    for (const namespace of namespaces) this.#begin(namespace);
    for (const namespace of [...this.#namespaces.keys()]) {
      if (!known.has(namespace)) this.#drop(namespace);
    }
    const recovered = this.#directory === 'failed';
    this.#directory = 'complete';
    this.#listed(recovered ? directoryScope : undefined);
  }

  /** The namespaces cannot be listed. What is known of them stays, and `read` is read meanwhile. */
  namespacesFailed(error: Error, read: readonly string[]): void {
    for (const namespace of read) this.#begin(namespace);
    this.#directory = 'failed';
    this.#out.degraded(error, directoryScope);
    this.#flowIfSettled();
  }

  complete(namespace: string): void {
    const before = this.#namespaces.get(namespace);
    if (before === undefined || before === 'complete') return;
    this.#namespaces.set(namespace, 'complete');
    this.#listed(before === 'failed' ? namespace : undefined);
  }

  failed(namespace: string, error: Error): void {
    if (!this.#namespaces.has(namespace)) return;
    this.#namespaces.set(namespace, 'failed');
    this.#out.degraded(error, namespace);
    this.#flowIfSettled();
  }

  #begin(namespace: string): void {
    if (!this.#namespaces.has(namespace)) this.#namespaces.set(namespace, 'reading');
  }

  #drop(namespace: string): void {
    const failed = this.#namespaces.get(namespace) === 'failed';
    for (const name of this.#names(namespace)) this.remove(namespace, name);
    this.#owners.delete(namespace);
    this.#namespaces.delete(namespace);
    if (failed) this.#out.recovered(namespace);
  }

  /** Something became complete: everything may be now, else only the scope that was not. */
  #listed(recovered: string | undefined): void {
    const states = [this.#directory, ...this.#namespaces.values()];
    if (states.every((state) => state === 'complete')) {
      if (this.#synced && recovered === undefined) return;
      this.#synced = true;
      this.#flowing = true;
      this.#out.replaceAll(this.#services.values());
      return;
    }
    if (recovered !== undefined) this.#out.recovered(recovered);
    this.#flowIfSettled();
  }

  #flowIfSettled(): void {
    if (this.#flowing || this.#directory === 'reading') return;
    const states = [...this.#namespaces.values()];
    if (states.includes('reading') || !states.includes('complete')) return;
    this.#flowing = true;
    for (const service of this.#services.values()) this.#out.upsert(service);
  }

  #names(namespace: string): Set<string> {
    const names = this.#owners.get(namespace) ?? new Set();
    this.#owners.set(namespace, names);
    return names;
  }
}
