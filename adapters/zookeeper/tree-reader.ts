import type { MetadataKeeper } from '../dubbo/metadata-service/metadata-keeper.js';
import { allChanges, type Changes, noChanges } from './changes.js';
import { MappingReader } from './mapping-reader.js';
import type { NodeChildren, NodeReader } from './node-reader.js';
import { type Category, categories, Places } from './places.js';
import type { RegistryState } from './registry-state.js';
import { interfaceNameOf } from './root-state.js';
import type { Unit } from './unit.js';

export interface TreeReaderOptions {
  readonly nodes: NodeReader;
  readonly places: Places;
  readonly state: RegistryState;
  readonly keeper: MetadataKeeper | undefined;
  readonly withRules: boolean;
  readonly withConsumers: boolean;
  readonly signal: AbortSignal;
  /**
   * A unit that is to be read: seen for the first time over this connection, or seemingly gone.
   * @param isNews whether the list that it was found by had been read before without it, or with it
   */
  readonly onFound: (unit: Unit, isNews?: boolean) => void;
  /** The complete children of an interface's `consumers` node. */
  readonly onConsumers: (root: number, interfaceName: string, childNames: readonly string[]) => Promise<void>;
  /** Why it cannot be told which applications need not be followed; undefined: no longer. */
  readonly onMappingTrouble: (error: Error | undefined) => void;
  /** A root was listed first: the count of its children, and those named like no interface. */
  readonly onListed: (root: string, count: number, names: readonly string[]) => void;
}

/** More than this below one node is taken for a registry gone wrong. */
export const maxChildren = 200_000;
/** What the config centre's data ids of rules end with; others are not read. */
const ruleId = /\.(?:configurators|condition-router|tag-router|script-router|affinity-router|MESHAPPRULE)$/;

/** Reads one unit after another into the state. A reading that fails changes nothing but what it had read by then. */
export class TreeReader {
  readonly #options: TreeReaderOptions;
  /** Categories that are to be read of an interface; absent: all. */
  readonly #dirty = new Map<string, Set<Category>>();
  /** Interfaces, and lists of others, that were read whole over this connection. */
  readonly #met = new Set<string>();
  readonly #mapping: MappingReader | undefined;

  constructor(options: TreeReaderOptions) {
    this.#options = options;
    const { nodes, places, signal, onMappingTrouble: onTrouble, onFound } = options;
    const table = options.keeper && options.state.mapping;
    const onUnread = (root: number, name: string | undefined) =>
      onFound(name === undefined ? { kind: 'mappings', root } : { kind: 'mapping', root, name });
    if (table) this.#mapping = new MappingReader({ nodes, places, table, signal, onTrouble, onUnread, maxChildren });
  }

  static isRule(dataId: string): boolean {
    return ruleId.test(dataId);
  }

  /** Something of an interface that was read has changed; the rest of it need not be read again. */
  touch(root: number, name: string, category: Category | undefined): void {
    const key = `${root}/${name}`;
    if (category === undefined) {
      this.#dirty.delete(key);
      this.#met.delete(key);
    } else if (this.#met.has(key) && (category === 'providers' || category === 'configurators')) {
      this.#dirtyOf(key).add(category);
    }
  }

  /**
   * Reads a unit and has {@link TreeReaderOptions.onFound} called for others that have to be read because of it.
   * @throws PartialReading, ZookeeperError
   */
  read(unit: Unit): Promise<Changes> {
    switch (unit.kind) {
      case 'root':
        return this.#root(unit.root);
      case 'interface':
        return this.#interface(unit.root, unit.name);
      case 'surroundings':
        return this.#surroundings(unit.root, unit.name);
      case 'applications':
        return this.#applications();
      case 'application':
        return this.#application(unit.name);
      case 'rules':
        return this.#rules();
      case 'rule':
        return this.#rule(unit.name);
      case 'mappings':
        return this.#mappings(unit.root);
      case 'mapping':
        return this.#mappingOf(unit.root, unit.name);
    }
  }

  async #root(root: number): Promise<Changes> {
    const { places, state, onFound, onListed } = this.#options;
    const tree = state.roots[root];
    const path = places.roots[root];
    if (!tree || path === undefined) return noChanges;
    const names = new Set((await this.#children(path)).names);
    const isFirst = !this.#met.has(path);
    this.#met.add(path);
    const bad: string[] = [];
    for (const name of names) {
      if (Places.isReserved(name)) continue;
      if (interfaceNameOf(name) === undefined) bad.push(name);
      else if (tree.isWanted(name) && (isFirst || !tree.has(name)))
        onFound({ kind: 'interface', root, name }, !isFirst);
    }
    if (isFirst) onListed(path, names.size, bad);
    const gone = [...tree.nodes].filter((name) => !names.has(name));
    if (isFirst) {
      const changes = allChanges(gone.map((name) => tree.nodeGone(name)));
      for (const name of gone) await this.#nobodyConsumes(root, name);
      return changes;
    }
    // It may have come back since; its own reading tells.
    for (const name of gone) {
      // As a whole: what is read of one category alone does not tell.
      this.touch(root, name, undefined);
      onFound({ kind: 'interface', root, name }, true);
    }
    return noChanges;
  }

  async #interface(root: number, name: string): Promise<Changes> {
    const { nodes, places, state, withRules, signal, onFound, onConsumers } = this.#options;
    const tree = state.roots[root];
    const interfaceName = interfaceNameOf(name);
    if (!tree || interfaceName === undefined || !tree.isWanted(name)) return noChanges;
    const key = `${root}/${name}`;
    const isNew = !this.#met.has(key);
    const dirty = this.#dirty.get(key);
    this.#dirty.delete(key);
    const needs = (category: Category) => isNew || dirty === undefined || dirty.has(category);
    const pathOf = (category: Category) => places.category(root, name, category);
    const [configurators, providers] = await Promise.allSettled([
      withRules && needs('configurators') ? this.#rareChildren(pathOf('configurators')) : undefined,
      needs('providers') ? this.#children(pathOf('providers')) : undefined,
    ]);
    signal.throwIfAborted();
    if (configurators.status === 'rejected') this.#dirtyOf(key).add('configurators');
    if (providers.status === 'rejected') this.#dirtyOf(key).add('providers');
    const rules = configurators.status === 'fulfilled' ? configurators.value : undefined;
    const found = providers.status === 'fulfilled' ? providers.value : undefined;
    let changed = rules !== undefined && tree.rules.setUrls(interfaceName, 'configurators', rules.names);
    if (found && found.stamp === undefined && (await nodes.exists(places.interface(root, name))) === undefined) {
      this.#met.delete(key);
      for (const category of categories) nodes.forget(places.category(root, name, category));
      const changes = tree.nodeGone(name);
      await onConsumers(root, interfaceName, []);
      return changes;
    }
    if (found && (await tree.take(name, found.names, signal))) changed = true;
    const changes = changed ? tree.compute(interfaceName) : noChanges;
    const failure = [providers, configurators].find((outcome) => outcome.status === 'rejected');
    if (failure) throw new PartialReading(changes, failure.reason);
    this.#met.add(key);
    if (isNew) onFound({ kind: 'surroundings', root, name });
    return changes;
  }

  async #nobodyConsumes(root: number, name: string): Promise<void> {
    const interfaceName = interfaceNameOf(name);
    if (interfaceName !== undefined) await this.#options.onConsumers(root, interfaceName, []);
  }

  async #surroundings(root: number, name: string): Promise<Changes> {
    const { nodes, places, state, withRules, withConsumers, onConsumers } = this.#options;
    const tree = state.roots[root];
    const interfaceName = interfaceNameOf(name);
    if (!tree?.has(name) || interfaceName === undefined) return noChanges;
    const pathOf = (category: Category) => places.category(root, name, category);
    const [routers, consumers] = await Promise.all([
      withRules ? this.#rareChildren(pathOf('routers')) : undefined,
      withConsumers ? this.#children(pathOf('consumers')) : undefined,
    ]);
    if (consumers && tree.has(name)) await onConsumers(root, interfaceName, consumers.names);
    if (!tree.has(name)) {
      // It went meanwhile: what was read of it may be from before.
      for (const category of categories) nodes.forget(pathOf(category));
      return noChanges;
    }
    return routers && tree.rules.setUrls(interfaceName, 'routers', routers.names)
      ? tree.compute(interfaceName)
      : noChanges;
  }

  async #applications(): Promise<Changes> {
    const { places, state, keeper, onFound } = this.#options;
    const path = places.servicesRoot;
    if (path === undefined) return noChanges;
    await this.#mapping?.ready();
    const names = new Set((await this.#children(path)).names);
    const isFirst = !this.#met.has(path);
    this.#met.add(path);
    for (const name of names) {
      if (!state.isWantedApplication(name) || (!isFirst && state.instances(name))) continue;
      if (isFirst) state.instances(name)?.distrustAll();
      if (this.#isPassedOver(name)) continue;
      onFound({ kind: 'application', name }, !isFirst);
    }
    const gone = [...state.applications].filter((name) => !names.has(name));
    if (isFirst) {
      for (const name of gone) keeper?.follow(name, []);
      return allChanges(gone.map((name) => state.removeApplication(name)));
    }
    for (const name of gone) onFound({ kind: 'application', name }, true);
    return noChanges;
  }

  async #application(name: string): Promise<Changes> {
    const { nodes, places, state, keeper, signal } = this.#options;
    if (!keeper || !state.isWantedApplication(name)) return noChanges;
    await this.#mapping?.ready();
    if (this.#isPassedOver(name)) return noChanges;
    const path = places.application(name);
    const { names, stamp } = await this.#children(path);
    if (stamp === undefined && (await nodes.exists(path)) === undefined) {
      keeper.follow(name, []);
      this.#mapping?.forget(name);
      nodes.forget(path);
      this.#forgetInstances(name, new Set());
      return state.removeApplication(name);
    }
    this.#forgetInstances(name, new Set(names));
    const list = state.openInstances(name);
    const read = async (child: string) => {
      list.trust(child);
      try {
        const found = await nodes.data(`${path}/${child}`);
        if (found === undefined) nodes.forget(`${path}/${child}`);
        list.set(child, found?.data);
      } catch (error) {
        list.distrust(child);
        throw error;
      }
    };
    const outcomes = await Promise.allSettled(list.retain(names).map(read));
    signal.throwIfAborted();
    keeper.follow(name, list.instances);
    const changes = state.updateApplication(name, (revision) => keeper.get(name, revision));
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure) throw new PartialReading(changes, failure.reason);
    return changes;
  }

  /** Of those that are gone there is nothing to compare any more. */
  #forgetInstances(application: string, there: ReadonlySet<string>): void {
    const { nodes, places, state } = this.#options;
    for (const child of state.instances(application)?.names ?? []) {
      if (!there.has(child)) nodes.forget(`${places.application(application)}/${child}`);
    }
  }

  /** Who is followed already stays so: a mapping that forgets somebody takes nothing away. */
  #isPassedOver(application: string): boolean {
    if (this.#mapping === undefined || this.#options.state.instances(application)) return false;
    return this.#mapping.passesOver(application);
  }

  async #mappings(root: number): Promise<Changes> {
    const { onFound } = this.#options;
    try {
      for (const name of (await this.#mapping?.readList(root)) ?? []) onFound({ kind: 'mapping', root, name }, true);
    } finally {
      this.#followWanted();
    }
    return noChanges;
  }

  async #mappingOf(root: number, name: string): Promise<Changes> {
    try {
      await this.#mapping?.read(root, name);
    } finally {
      this.#followWanted();
    }
    return noChanges;
  }

  #followWanted(): void {
    for (const name of this.#mapping?.wanted() ?? []) this.#options.onFound({ kind: 'application', name });
  }

  async #rules(): Promise<Changes> {
    const { places, state, onFound } = this.#options;
    if (places.rulesRoot === undefined) return noChanges;
    const names = new Set((await this.#children(places.rulesRoot)).names.filter(TreeReader.isRule));
    const isFirst = !this.#met.has(places.rulesRoot);
    this.#met.add(places.rulesRoot);
    const known = state.ruleIds;
    for (const name of names) onFound({ kind: 'rule', name }, !isFirst && !known.has(name));
    for (const name of known) if (!names.has(name)) onFound({ kind: 'rule', name }, !isFirst);
    return noChanges;
  }

  async #rule(name: string): Promise<Changes> {
    const { nodes, places, state } = this.#options;
    const path = places.rule(name);
    const found = await nodes.data(path);
    if (found === undefined) nodes.forget(path);
    return state.setRule(name, found?.data.toString('utf8'));
  }

  async #children(path: string): Promise<NodeChildren> {
    return bounded(path, await this.#options.nodes.children(path));
  }

  async #rareChildren(path: string): Promise<NodeChildren> {
    return bounded(path, await this.#options.nodes.rareChildren(path));
  }

  #dirtyOf(key: string): Set<Category> {
    let dirty = this.#dirty.get(key);
    if (dirty === undefined) {
      dirty = new Set();
      this.#dirty.set(key, dirty);
    }
    return dirty;
  }
}

function bounded(path: string, found: NodeChildren): NodeChildren {
  if (found.names.length > maxChildren) throw new Error(`${path} has more than ${maxChildren} children`);
  return found;
}

/** A reading of which one part failed; what the others changed is to be published. */
export class PartialReading extends Error {
  override readonly name = 'PartialReading';

  constructor(
    readonly changes: Changes,
    override readonly cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause));
  }
}
