import { isServing, type Service } from '../model/index.js';
import type { GuardRules } from './rules.js';
import { scopeOf } from './scope.js';
import { ServingWindow } from './serving-window.js';

interface Scope {
  serving: number;
  readonly window: ServingWindow;
}

/** The whole source, as a scope. */
export const wholeSource = '';

/** Serving instances of a source and of each of its namespaces or datacenters, now and at most within the guards' windows. */
export class ServingCount {
  readonly #windowMs: number;
  readonly #scopes = new Map<string, Scope>();
  readonly #byService = new Map<string, { readonly scope: string; readonly serving: number }>();
  readonly #touched = new Set<string>();

  constructor({ massLoss, empty }: GuardRules) {
    this.#windowMs = Math.max(massLoss?.windowMs ?? 0, empty?.windowMs ?? 0);
  }

  /** The service is this, or gone. The windows see it with the next {@link settle}. */
  set(name: string, service: Service | undefined): void {
    const before = this.#byService.get(name);
    if (before) this.#add(before.scope, -before.serving);
    if (service === undefined) {
      this.#byService.delete(name);
      return;
    }
    const count = { scope: scopeOf(service), serving: service.instances.filter(isServing).length };
    this.#byService.set(name, count);
    this.#add(count.scope, count.serving);
  }

  scopeOf(name: string): string {
    return this.#byService.get(name)?.scope ?? wholeSource;
  }

  /** What was set since the last call is one change: only its outcome counts. */
  settle(nowMs: number): void {
    for (const name of this.#touched) {
      const scope = this.#scopes.get(name);
      scope?.window.push(nowMs, scope.serving);
    }
    this.#touched.clear();
  }

  now(scope: string): number {
    return this.#scopes.get(scope)?.serving ?? 0;
  }

  most(scope: string, nowMs: number, windowMs: number): number {
    return this.#scopes.get(scope)?.window.max(nowMs, windowMs) ?? 0;
  }

  /** Scopes that are kept: the whole source, and what serves something or did within the windows. */
  get scopes(): number {
    return this.#scopes.size;
  }

  /** What was until `untilMs` counts no more, in any scope; nor does a scope that has served nothing for as long as the windows. */
  forget(untilMs: number, nowMs: number): void {
    for (const [name, { serving, window }] of this.#scopes) {
      window.forget(untilMs);
      // Namespaces come and go, and a scope that is met again begins with the same: nothing.
      if (name !== wholeSource && serving === 0 && window.max(nowMs) === 0) this.#scopes.delete(name);
    }
  }

  #add(scope: string, change: number): void {
    for (const name of scope === wholeSource ? [wholeSource] : [wholeSource, scope]) {
      const known = this.#scopes.get(name) ?? { serving: 0, window: new ServingWindow(this.#windowMs) };
      known.serving += change;
      this.#scopes.set(name, known);
      this.#touched.add(name);
    }
  }
}
