import type { Rejection, SourceOutput } from '../../core/plugin/index.js';
import { consumersByService, readConsumers } from './consumers.js';
import type { RegistryState } from './registry-state.js';

const shown = 5;

/** Publishes what is known of a registry beside its services: consumers, and what operators should know. */
export class Surroundings {
  readonly #out: SourceOutput;
  readonly #state: RegistryState;
  readonly #signal: AbortSignal;
  readonly #unreadable = new Map<string, Error>();
  readonly #rejected = new Map<string, readonly Rejection[]>();

  constructor(out: SourceOutput, state: RegistryState, signal: AbortSignal) {
    this.#out = out;
    this.#state = state;
    this.#signal = signal;
  }

  /** A new connection begins: what the one before had to say may be over, and is said anew where it is not. */
  begin(): void {
    this.#tellUnreadable();
    this.#tellRejected();
    this.mapping(undefined);
  }

  /** It cannot be told which applications provide nothing that is wanted: they are followed like the others. */
  mapping(error: Error | undefined): void {
    const text = error && `the mapping of interfaces to applications cannot be used: ${error.message}`;
    this.#out.notice('unreadable-mapping', text && `${text}; all applications are followed`);
  }

  /** The complete children of an interface's `consumers` node. */
  async consumers(root: number, interfaceName: string, childNames: readonly string[]): Promise<void> {
    const tree = this.#state.roots[root];
    if (!tree) return;
    const before = tree.consumed.get(interfaceName);
    if (childNames.length === 0 && before === undefined) return;
    const records = await readConsumers(childNames, this.#signal);
    // It went meanwhile, and that was told.
    if (childNames.length > 0 && !tree.hasInterface(interfaceName)) return;
    const byService = consumersByService(records, tree.ids(interfaceName), (id) => tree.nameOf(interfaceName, id));
    for (const [name, consumers] of byService) this.#out.consumers(name, consumers);
    for (const name of before ?? []) if (!byService.has(name)) this.#out.consumers(name, []);
    if (byService.size === 0) tree.consumed.delete(interfaceName);
    else tree.consumed.set(interfaceName, [...byService.keys()]);
  }

  /** Routers and consumers of an interface cannot be read: nothing that is published is wrong for that. */
  unreadable(scope: string, error: Error): void {
    this.#unreadable.set(scope, error);
    this.#tellUnreadable();
  }

  readable(scope: string): void {
    if (this.#unreadable.delete(scope)) this.#tellUnreadable();
  }

  /** An application's instances were read: those that are left out are told, for no service can say so. */
  instancesOf(application: string): void {
    const rejected = this.#state.instances(application)?.rejected ?? [];
    if (rejected.length === 0 && !this.#rejected.has(application)) return;
    if (rejected.length === 0) this.#rejected.delete(application);
    else this.#rejected.set(application, rejected);
    this.#tellRejected();
  }

  #tellRejected(): void {
    let count = 0;
    const first: string[] = [];
    for (const list of this.#rejected.values()) {
      count += list.length;
      for (const { record, reason } of list) if (first.length < shown) first.push(`${record}: ${reason}`);
    }
    const text = `${count} instances of applications are left out, as ${first.join('; ')}`;
    this.#out.notice('rejected-instances', count === 0 ? undefined : text);
  }

  #tellUnreadable(): void {
    const [first] = this.#unreadable;
    const text =
      first &&
      `routers and consumers of ${this.#unreadable.size} interfaces cannot be read, as ${first[0]}: ${first[1].message}`;
    this.#out.notice('unreadable-surroundings', text);
  }
}
