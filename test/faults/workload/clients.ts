import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import { type Endpoints, type Entry, endpointsOf, targetOf } from '../ledger/entry.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Copy, Registry } from '../registries/registry.js';
import type { Weather } from './weather.js';

const repairIntervalMs = 1500;
/** How often in a row something has to be found wrong: what has just been changed is not everywhere at once. */
const sightingsToRepair = 3;

/**
 * The applications that are registered in one registry. They make changes, and put right what the registry has lost, as
 * clients do when a heartbeat is refused or a session is over.
 */
export class Clients {
  readonly registry: Registry;
  readonly #ledger: Ledger;
  readonly #weather: Weather;
  /** What is to stand in the registry, by host and target. */
  readonly #wanted = new Map<string, Entry>();
  readonly #services = new Set<string>();
  /** What they took away last, and when, by `host target`. */
  readonly #takenAway = new Map<string, { readonly entry: Entry; readonly atMs: number }>();
  /** One thing at a time, so that no repair undoes a change. */
  readonly #limit = pLimit(1);
  /** How often in a row each was found wrong, by node and instance. */
  #sightings: ReadonlyMap<string, number> = new Map();
  #lastTrouble = '';

  constructor(registry: Registry, ledger: Ledger, weather: Weather) {
    this.registry = registry;
    this.#ledger = ledger;
    this.#weather = weather;
  }

  /** Why the clients could not do what they wanted, last. */
  get lastTrouble(): string {
    return this.#lastTrouble;
  }

  /** What the clients want registered. */
  get wanted(): Iterable<Entry> {
    return this.#wanted.values();
  }

  /** `host target`, as the ledger names an instance. */
  nameOf(entry: Entry): string {
    return `${this.registry.hostOf(entry.service)} ${targetOf(entry)}`;
  }

  /** Registers many instances. */
  async fill(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) {
      this.#services.add(entry.service);
      this.#wanted.set(this.#key(entry), entry);
      this.#ledger.issue(
        this.registry.kind,
        this.registry.hostOf(entry.service),
        targetOf(entry),
        entry.generation * 100,
        true,
      );
    }
    for (let start = 0; start < entries.length; start += 20) {
      await Promise.all(entries.slice(start, start + 20).map((entry) => this.registry.put(entry)));
    }
  }

  /** Registers an instance or changes it. What fails is done by the next repair. */
  async put(entry: Entry): Promise<void> {
    this.#services.add(entry.service);
    await this.#change(entry, entry.serving, () => {
      this.#wanted.set(this.#key(entry), entry);
      return this.registry.put(entry);
    });
  }

  async remove(entry: Entry): Promise<void> {
    await this.#change(entry, false, () => {
      this.#wanted.delete(this.#key(entry));
      this.#takenAway.set(this.nameOf(entry), { entry, atMs: Date.now() });
      return this.registry.remove(entry);
    });
  }

  /** Repairs again and again until `signal` aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#limit(() => this.#repair()).catch((error: Error) => {
        this.#lastTrouble = error.message;
      });
      await delay(repairIntervalMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /**
   * What the registry holds, when that is what its clients want, in all of its copies; undefined when it is not. This is
   * the oracle that what is published is compared with.
   */
  async settled(): Promise<Endpoints | undefined> {
    const copies = await this.#limit(() => this.registry.read());
    if (copies.length === 0) return undefined;
    const isSettled = copies.every((copy) => {
      const { missing, surplus } = this.#compare(copy);
      return missing.length === 0 && surplus.length === 0;
    });
    const hostOf = (service: string) => this.registry.hostOf(service);
    return isSettled ? endpointsOf(copies[0]?.entries ?? [], hostOf) : undefined;
  }

  /** What the clients want of an instance, `host target`. */
  find(instance: string): Entry | undefined {
    return [...this.wanted].find((entry) => this.nameOf(entry) === instance);
  }

  /** Whether the registry has an instance, `host target`, in all of its copies, that its client has taken away. */
  async hasUnwanted(instance: string): Promise<boolean> {
    const copies = await this.registry.read();
    const isThere = ({ entries }: Copy) => entries.some((entry) => entry.serving && this.nameOf(entry) === instance);
    return copies.length > 0 && copies.every(isThere) && this.find(instance)?.serving !== true;
  }

  /** Whether the registry has registered an instance, `host target`, by itself after its client had taken it away. */
  async wasRevived(instance: string): Promise<boolean> {
    const taken = this.#takenAway.get(instance);
    if (!taken || this.find(instance)?.serving === true) return false;
    return (await this.registry.revived?.(taken.entry, taken.atMs)) === true;
  }

  /** Whether all of these, each a `host target` that is there no more, are told of still by the registry itself. */
  async areMissed(instances: readonly string[]): Promise<boolean> {
    const missed = (await this.registry.misses?.()) ?? new Set();
    return instances.length > 0 && instances.every((instance) => missed.has(instance) && !this.find(instance));
  }

  /** For traces: what clients and registry have of an instance now. */
  async describe(instance: string): Promise<string> {
    const show = (entries: Iterable<Entry>) => {
      const found = [...entries].find((entry) => this.nameOf(entry) === instance);
      return found ? `generation ${found.generation}, ${found.serving ? 'serving' : 'not serving'}` : 'absent';
    };
    const copies = await this.registry.read().catch(() => []);
    const parts = copies.map(({ node, entries }) => `node ${node}: ${show(entries)}`);
    return [`wanted: ${show(this.wanted)}`, ...parts].join('; ');
  }

  async #change(entry: Entry, wanted: boolean, act: () => Promise<void>): Promise<void> {
    const { kind } = this.registry;
    const host = this.registry.hostOf(entry.service);
    const target = targetOf(entry);
    await this.#limit(async () => {
      this.#sightings = new Map([...this.#sightings].filter(([key]) => !key.endsWith(` ${this.#key(entry)}`)));
      this.#ledger.issue(kind, host, target, entry.generation * 100, wanted);
      try {
        await act();
      } catch (error) {
        this.#lastTrouble = (error as Error).message;
        return;
      }
      const weather = this.#weather;
      this.#ledger.confirm(host, target, performance.now(), weather.isHealthy(kind), weather.isBesideFault(kind));
    });
  }

  async #repair(): Promise<void> {
    const copies = await this.registry.read();
    const wrong = new Map<string, number>();
    const isOld = (node: number, entry: Entry) => {
      const key = `${node} ${this.#key(entry)}`;
      const sightings = (this.#sightings.get(key) ?? 0) + 1;
      wrong.set(key, sightings);
      return sightings >= sightingsToRepair;
    };
    const repairs = copies.map((copy) => {
      const { missing, surplus } = this.#compare(copy);
      const isDue = (entry: Entry) => isOld(copy.node, entry);
      return { node: copy.node, missing: missing.filter(isDue), surplus: surplus.filter(isDue) };
    });
    this.#sightings = wrong;
    for (const { node, missing, surplus } of repairs) {
      for (let start = 0; start < missing.length; start += 20) {
        await Promise.all(missing.slice(start, start + 20).map((entry) => this.registry.put(entry, node)));
      }
      for (const entry of surplus) await this.registry.remove(entry, node);
    }
  }

  #compare({ entries }: Copy): { readonly missing: readonly Entry[]; readonly surplus: readonly Entry[] } {
    const found = new Map(entries.filter(({ serving }) => serving).map((entry) => [this.#key(entry), entry]));
    const missing = [...this.#wanted].flatMap(([key, entry]) => {
      const there = found.get(key);
      const isRight = entry.serving ? there?.generation === entry.generation : there === undefined;
      return isRight ? [] : [entry];
    });
    const surplus = entries.filter((entry) => this.#services.has(entry.service) && !this.#wanted.has(this.#key(entry)));
    return { missing, surplus };
  }

  #key(entry: Entry): string {
    return `${entry.service} ${targetOf(entry)}`;
  }
}
