import { setTimeout as delay } from 'node:timers/promises';
import type { Entry } from '../ledger/entry.js';
import type { Random } from '../plan/random.js';
import type { Clients } from './clients.js';

const serviceCount = 8;
const instancesEach = 20;
const pauseMs = 700;

/** A stream of changes as a registry sees it on an ordinary day: mostly weights, some instances that come, go, fail. */
export class Workload {
  readonly clients: Clients;
  readonly #random: Random;
  readonly #all: Entry[] = [];
  /** Not registered now, and free to come back. */
  readonly #away = new Set<number>();
  #paused = false;

  /** @param network second number of the addresses, of this registry alone */
  constructor(clients: Clients, random: Random, scope: string, network: number) {
    this.clients = clients;
    this.#random = random;
    for (let service = 0; service < serviceCount; service += 1) {
      for (let instance = 1; instance <= instancesEach; instance += 1) {
        const address = `10.${network}.${service}.${instance}`;
        this.#all.push({ service: `${scope}-svc${service}`, address, port: 8080, generation: 1, serving: true });
      }
    }
  }

  /** Registers everything there is at the start. */
  async begin(): Promise<void> {
    await this.clients.fill(this.#all);
  }

  /** Makes changes until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(this.#random.between(pauseMs / 2, (pauseMs * 3) / 2), undefined, { signal }).catch(() => undefined);
      if (!signal.aborted && !this.#paused) await this.change();
    }
  }

  /** While it is paused what the clients want stands still. */
  set paused(paused: boolean) {
    this.#paused = paused;
  }

  /** Makes one change: resolves when the registry has it, or could not be told. */
  async change(): Promise<void> {
    const draw = this.#random.next();
    const index = this.#random.between(0, this.#all.length - 1);
    const entry = this.#all[index];
    if (!entry) return;
    const next = { ...entry, generation: entry.generation + 1 };
    if (this.#away.size > 0 && draw < 0.25) return this.#comeBack();
    if (this.#away.has(index)) return undefined;
    if (draw < 0.38) return this.#goAway(index, entry);
    if (draw < 0.5) return this.#put(index, { ...next, serving: !entry.serving });
    return this.#put(index, { ...next, serving: true });
  }

  /** Takes one instance away: for a look at how fast that is seen. */
  async removeOne(): Promise<void> {
    const candidates = this.#all.flatMap((entry, index) => (this.#away.has(index) || !entry.serving ? [] : [index]));
    const index = this.#random.pick(candidates);
    const entry = this.#all[index];
    if (entry) await this.#goAway(index, entry);
  }

  async #comeBack(): Promise<void> {
    const index = this.#random.pick([...this.#away]);
    const entry = this.#all[index];
    if (!entry) return;
    this.#away.delete(index);
    await this.#put(index, { ...entry, generation: entry.generation + 1, serving: true });
  }

  async #goAway(index: number, entry: Entry): Promise<void> {
    this.#away.add(index);
    await this.clients.remove(entry);
  }

  async #put(index: number, entry: Entry): Promise<void> {
    this.#all[index] = entry;
    await this.clients.put(entry);
  }
}
