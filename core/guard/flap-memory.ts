import { type Instance, isServing, type Service } from '../model/index.js';
import { flapping, recentReturns } from './flap.js';
import type { FlapRule } from './rules.js';

/** Instances whose returns are remembered at most: what flaps beyond that is not damped. */
const maxRemembered = 20_000;

/** An instance that is left out of traffic until it is steady. */
export interface Damped {
  readonly reason: string;
  readonly sinceMs: number;
  /** Pushed back by each further return, within the rule's bound. */
  readonly untilMs: number;
}

/** Remembers which instances come and go, and says which are to be left out. */
export class FlapMemory {
  readonly #rule: FlapRule;
  /** service → instance id → when it came back. */
  readonly #returns = new Map<string, Map<string, readonly number[]>>();
  readonly #damped = new Map<string, Map<string, Damped>>();
  #remembered = 0;

  constructor(rule: FlapRule) {
    this.#rule = rule;
  }

  dampedOf(service: string): ReadonlyMap<string, Damped> | undefined {
    return this.#damped.get(service);
  }

  get damped(): ReadonlyMap<string, ReadonlyMap<string, Damped>> {
    return this.#damped;
  }

  /** What was reported before, and what is reported now. A service that is new has nothing that could come back. */
  observe(name: string, before: Service | undefined, after: Service | undefined, nowMs: number): void {
    if (before === undefined || after === undefined) return;
    const wasServing = new Set(before.instances.filter(isServing).map(({ id }) => id));
    const known = this.#returns.get(name);
    for (const instance of after.instances) {
      if (wasServing.has(instance.id) || !isServing(instance)) continue;
      this.#returned(name, known?.get(instance.id) ?? [], instance, nowMs);
    }
  }

  /** Lets go of what has been steady. @returns services in which an instance counts again */
  expire(nowMs: number): ReadonlySet<string> {
    const ended = new Set<string>();
    for (const [service, instances] of this.#damped) {
      for (const [id, { untilMs }] of instances) {
        if (untilMs > nowMs) continue;
        instances.delete(id);
        ended.add(service);
      }
      if (instances.size === 0) this.#damped.delete(service);
    }
    return ended;
  }

  /** When the next one is let go; undefined: none is damped. */
  get nextMs(): number | undefined {
    let next: number | undefined;
    for (const instances of this.#damped.values()) {
      for (const { untilMs } of instances.values()) next = Math.min(next ?? untilMs, untilMs);
    }
    return next;
  }

  /** An operator's word: these count again, and what they did is forgotten. */
  forgive(service: string): void {
    this.#damped.delete(service);
    this.#remembered -= this.#returns.get(service)?.size ?? 0;
    this.#returns.delete(service);
  }

  #returned(name: string, before: readonly number[], { id }: Instance, nowMs: number): void {
    const returns = [...recentReturns(before, nowMs, this.#rule), nowMs].slice(-this.#rule.returns - 1);
    if (before.length === 0) {
      if (this.#remembered >= maxRemembered) this.#prune(nowMs);
      if (this.#remembered >= maxRemembered) return;
      this.#remembered++;
    }
    const known = this.#returns.get(name) ?? new Map<string, readonly number[]>();
    this.#returns.set(name, known.set(id, returns));
    const verdict = flapping(returns, nowMs, this.#rule);
    if (!verdict.hold) return;
    const damped = this.#damped.get(name) ?? new Map<string, Damped>();
    const sinceMs = damped.get(id)?.sinceMs ?? nowMs;
    const untilMs = Math.min(nowMs + this.#rule.quietMs, sinceMs + this.#rule.maxHoldMs);
    this.#damped.set(name, damped.set(id, { reason: verdict.reason, sinceMs, untilMs }));
  }

  #prune(nowMs: number): void {
    for (const [service, instances] of this.#returns) {
      for (const [id, returns] of instances) {
        if (recentReturns(returns, nowMs, this.#rule).length > 0) continue;
        instances.delete(id);
        this.#remembered--;
      }
      if (instances.size === 0) this.#returns.delete(service);
    }
  }
}
