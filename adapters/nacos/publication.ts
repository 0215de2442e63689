import type { Service, SourceOutput } from '../../core/plugin/index.js';

/** How far one namespace has been read; `partial`: but for something that could never be read. */
type ReadState = 'reading' | 'partial' | 'complete' | 'failed';

interface Namespace {
  state: ReadState;
  /** Whether each of its services was whole once; before, one of two registrations may be lacking. */
  wasRead: boolean;
  /** Services published, or to be published with the first whole listing. */
  readonly services: Map<string, Service>;
  /** Services that lack published instances since the last connection, undefined for one that is gone. */
  held: Map<string, Service | undefined> | undefined;
}

/** Scope of trouble with the list of namespaces itself. */
const directoryScope = 'namespaces';

/**
 * Joins what the readers of the namespaces say into one source. The first `replaceAll` needs every namespace; until then
 * nothing is published, unless a namespace fails or is partial: then what the others hold goes out service by service, so
 * that one namespace does not hold up all, and the source stays unsynced. A failing namespace keeps what was read of it
 * last, and nothing of one goes out before it was read once: one of two registrations of a service may be lacking.
 */
export class Publication {
  readonly #out: SourceOutput;
  readonly #onWhole: () => void;
  readonly #namespaces = new Map<string, Namespace>();
  /** Whether the set of namespaces is known to be all that are to be read. */
  #directory: ReadState = 'reading';
  #synced = false;
  #flowing = false;

  /** @param onWhole a whole listing was published; whatever was said to be degraded is over with it */
  constructor(out: SourceOutput, onWhole: () => void = () => undefined) {
    this.#out = out;
    this.#onWhole = onWhole;
  }

  /** The service as it was put last. */
  service(namespace: string, name: string): Service | undefined {
    const { services, held } = this.#namespaces.get(namespace) ?? {};
    return held?.has(name) ? held.get(name) : services?.get(name);
  }

  /** Names of the services of a namespace that are published. */
  names(namespace: string): readonly string[] {
    return [...(this.#namespaces.get(namespace)?.services.keys() ?? [])];
  }

  /** @returns whether it is another object than was put last */
  put(namespace: string, service: Service): boolean {
    const { name } = service;
    const changed = this.service(namespace, name) !== service;
    const { services, held } = this.#begin(namespace);
    if (held && lacks(service, services.get(name))) held.set(name, service);
    else if (changed) {
      held?.delete(name);
      services.set(name, service);
      if (this.#flows(namespace)) this.#out.upsert(service);
    }
    return changed;
  }

  remove(namespace: string, name: string): void {
    const { services, held } = this.#begin(namespace);
    if (held && lacks(undefined, services.get(name))) held.set(name, undefined);
    else if (services.delete(name) && this.#flows(namespace)) this.#out.remove(name);
  }

  /** From now until `release`, services that lose an instance that was published are held back. */
  hold(namespace: string): void {
    this.#begin(namespace).held = this.#flows(namespace) ? new Map() : undefined;
  }

  /** Services that are held back. */
  held(namespace: string): number {
    return this.#begin(namespace).held?.size ?? 0;
  }

  /** What was held back is published. */
  release(namespace: string): void {
    const found = this.#begin(namespace);
    const { held } = found;
    found.held = undefined;
    for (const [name, service] of held ?? []) {
      if (service) this.put(namespace, service);
      else this.remove(namespace, name);
    }
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
    this.#completed(recovered ? directoryScope : undefined);
  }

  /** The namespaces cannot be listed. What is known of them stays, and `read` is read meanwhile. */
  namespacesFailed(error: Error, read: readonly string[]): void {
    for (const namespace of read) this.#begin(namespace);
    this.#directory = 'failed';
    this.#out.degraded(error, directoryScope);
    this.#flowIfSettled();
  }

  complete(namespace: string): void {
    const found = this.#namespaces.get(namespace);
    if (!found || found.state === 'complete') return;
    const recovered = found.state === 'failed' ? namespace : undefined;
    this.#read(found, 'complete', () => this.#completed(recovered));
  }

  /** All that can be read of the namespace was read: it is published, with no claim to be complete. */
  partial(namespace: string): void {
    const found = this.#namespaces.get(namespace);
    if (!found || found.state === 'complete') return;
    if (found.state === 'failed') this.#out.recovered(namespace);
    this.#read(found, 'partial', () => this.#flowIfSettled());
  }

  failed(namespace: string, error: Error): void {
    const found = this.#namespaces.get(namespace);
    if (!found) return;
    found.state = 'failed';
    this.#out.degraded(error, namespace);
    this.#flowIfSettled();
  }

  #begin(namespace: string): Namespace {
    const known = this.#namespaces.get(namespace);
    if (known) return known;
    const begun: Namespace = { state: 'reading', wasRead: false, services: new Map(), held: undefined };
    this.#namespaces.set(namespace, begun);
    return begun;
  }

  #flows(namespace: string): boolean {
    return this.#flowing && this.#begin(namespace).wasRead;
  }

  /** @param publish publishes all that there is, if that is possible now, and says whether it did */
  #read(found: Namespace, state: ReadState, publish: () => boolean): void {
    const isLate = this.#flowing && !found.wasRead;
    found.state = state;
    found.wasRead = true;
    if (!publish() && isLate) for (const service of found.services.values()) this.#out.upsert(service);
  }

  #drop(namespace: string): void {
    const { state, services } = this.#begin(namespace);
    const flows = this.#flows(namespace);
    this.#namespaces.delete(namespace);
    if (flows) for (const name of services.keys()) this.#out.remove(name);
    if (state === 'failed') this.#out.recovered(namespace);
  }

  /** Something became complete: everything may be now, else only the scope that was not. */
  #completed(recovered: string | undefined): boolean {
    if (this.#states().every((state) => state === 'complete') && this.#directory === 'complete') {
      if (this.#synced && recovered === undefined) return false;
      this.#synced = true;
      this.#flowing = true;
      this.#out.replaceAll(this.#all());
      this.#onWhole();
      return true;
    }
    if (recovered !== undefined) this.#out.recovered(recovered);
    return this.#flowIfSettled();
  }

  #flowIfSettled(): boolean {
    if (this.#flowing || this.#directory === 'reading') return false;
    const states = this.#states();
    if (states.includes('reading') || !(states.includes('complete') || states.includes('partial'))) return false;
    this.#flowing = true;
    for (const { wasRead, services } of this.#namespaces.values()) {
      if (wasRead) for (const service of services.values()) this.#out.upsert(service);
    }
    return true;
  }

  #states(): readonly ReadState[] {
    return [...this.#namespaces.values()].map(({ state }) => state);
  }

  *#all(): Generator<Service> {
    for (const { services } of this.#namespaces.values()) yield* services.values();
  }
}

function lacks(service: Service | undefined, published: Service | undefined): boolean {
  if (!published || service === published || published.instances.length === 0) return false;
  const left = new Set(service?.instances.map(({ id }) => id));
  return published.instances.some(({ id }) => !left.has(id));
}
