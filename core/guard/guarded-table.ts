import { type ChangeCause, registryCause, restoredCause } from '../catalog/change-cause.js';
import { matchesGlob } from '../catalog/glob.js';
import type { ServiceFeed } from '../catalog/ingest.js';
import { type Instance, isServing, type Service, sameService } from '../model/index.js';
import type { SourceTable } from '../source/source-table.js';
import type { StoredHold } from '../warm/warm-store.js';
import { emptied } from './empty.js';
import { FlapMemory } from './flap-memory.js';
import type { Freeze, HeldInstance, HeldReason, HoldStatus } from './hold.js';
import { holdStatuses, shownInstances } from './hold-status.js';
import { letThroughWith } from './let-through.js';
import { massLoss } from './mass-loss.js';
import { minimumHealthy } from './minimum-healthy.js';
import { type GuardName, type GuardRules, letThrough, type Verdict } from './rules.js';
import { ofCovering } from './scope.js';
import { ServingCount, wholeSource } from './serving-count.js';

export interface GuardedTableOptions {
  readonly source: string;
  /** What the source says. */
  readonly reported: SourceTable;
  readonly rules: GuardRules;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** There is something to take. */
  readonly onChange: () => void;
  /** Told of losses that are held from now on, together. */
  readonly onHold: (held: { readonly services: readonly string[]; readonly instances: number } & HeldReason) => void;
  /** Told of each service that is let through, but for what is restored, in its new form; undefined: it is gone. */
  readonly onAccepted?: (name: string, service: Service | undefined) => void;
}

/** A service that has lost instances, and which. */
interface Loss {
  readonly name: string;
  /** Namespace or datacenter. */
  readonly scope: string;
  readonly lost: readonly Instance[];
}

/** How many holds and changes that guards made, since the start. */
export interface GuardCounts {
  readonly held: number;
  readonly expired: number;
  readonly released: number;
}

/**
 * What of a source is let through to the catalog: what it says, but for losses that a guard holds back. A held instance
 * stays as it was let through last, until the registry has it again, its time is over or an operator releases it; what a
 * source adds or changes is never held.
 */
export class GuardedTable implements ServiceFeed {
  readonly #options: GuardedTableOptions;
  readonly #accepted = new Map<string, Service>();
  /** As it was reported when it was looked at last. */
  readonly #seen = new Map<string, Service>();
  readonly #held = new Map<string, Map<string, HeldInstance>>();
  readonly #count: ServingCount;
  readonly #flaps: FlapMemory | undefined;
  /** Services taken out because they were not read for too long, with the reason. */
  readonly #outdated = new Map<string, HeldReason>();
  #freezes: Freeze[] = [];
  /** Holds of before a restart, by service and instance: a loss that is held again keeps its age. */
  readonly #resumable = new Map<string, StoredHold>();
  #changed = new Map<string, ChangeCause>();
  #counts = { held: 0, expired: 0, released: 0 };

  constructor(options: GuardedTableOptions) {
    this.#options = options;
    this.#count = new ServingCount(options.rules);
    this.#flaps = options.rules.flap && new FlapMemory(options.rules.flap);
  }

  /** What is let through. */
  get services(): ReadonlyMap<string, Service> {
    return this.#accepted;
  }

  get counts(): GuardCounts {
    return this.#counts;
  }

  takeChanged(): ReadonlyMap<string, ChangeCause> {
    this.#lookAtNews();
    const changed = this.#changed;
    this.#changed = new Map();
    return changed;
  }

  /** Services of before a restart: let through as they are, until the source says something else. */
  restore(services: readonly Service[], holds: readonly StoredHold[], freezes: readonly Freeze[] = []): void {
    const { reported } = this.#options;
    reported.restore(services);
    const nowMs = this.#options.now();
    for (const name of reported.takeChanged()) {
      const service = reported.services.get(name);
      if (service === undefined) continue;
      this.#seen.set(name, service);
      this.#count.set(name, service);
      this.#settle(name, restoredCause);
    }
    for (const stored of holds) {
      const hold = notAhead(stored, nowMs);
      for (const id of hold.instances) this.#resumable.set(`${hold.service}\n${id}`, hold);
    }
    this.#freezes = [...this.#freezes, ...freezes.map((freeze) => notAhead(freeze, nowMs))];
    this.#count.settle(nowMs);
    this.#options.onChange();
  }

  /** The source was read whole, and that was taken: what of before a restart was to be held again is held by now. */
  listed(): void {
    this.#resumable.clear();
  }

  /**
   * What is held back now, oldest first.
   * @param maxInstances ids that are told of each
   */
  holds(maxInstances = shownInstances): readonly HoldStatus[] {
    return holdStatuses(this.#options.source, this.#held, this.#flaps?.damped, this.#outdated, maxInstances);
  }

  get freezes(): readonly Freeze[] {
    return this.#freezes;
  }

  /**
   * Lets through what is held.
   * @param pattern glob over the services' names in the registry
   * @returns how many services that changes
   */
  release(pattern: string, by: string): number {
    this.#lookAtNews();
    this.#freezes = this.#freezes.filter(({ service }) => service !== pattern && !matchesGlob(pattern, service));
    const names = new Set(
      [...this.#held.keys(), ...(this.#flaps?.damped.keys() ?? [])].filter((name) => matchesGlob(pattern, name)),
    );
    let newestMs = Number.NEGATIVE_INFINITY;
    for (const name of names) {
      for (const { sinceMs } of this.#held.get(name)?.values() ?? []) newestMs = Math.max(newestMs, sinceMs);
      this.#held.delete(name);
      this.#flaps?.forgive(name);
    }
    // What is released was meant: it is no part of a further loss.
    this.#count.forget(newestMs, this.#options.now());
    for (const name of names) this.#settle(name, { kind: 'operator', detail: `released by ${by}` });
    this.#counts.released += names.size;
    if (names.size > 0) this.#options.onChange();
    return names.size;
  }

  /**
   * From now on no loss of the services that match is let through, until the freeze ends or is released. What is held
   * already is held as long; an earlier freeze of the same services has no say any more.
   */
  freeze(freeze: Freeze): void {
    this.#freezes = [...this.#freezes.filter(({ service }) => service !== freeze.service), freeze];
    for (const [name, held] of this.#held) {
      if (!matchesGlob(freeze.service, name)) continue;
      const { reason, untilMs } = this.#freezeOf(name, freeze.sinceMs) ?? freeze;
      for (const [id, hold] of held) {
        if (hold.guard !== 'operator' && hold.untilMs >= untilMs) continue;
        held.set(id, { ...hold, guard: 'operator', reason, untilMs });
      }
    }
  }

  /** Lets through what was held for its longest time. @returns when there is something to do next, in ms since the epoch */
  tick(nowMs: number): number | undefined {
    this.#lookAtNews();
    let next = this.#flaps?.nextMs;
    const note = (atMs: number) => {
      if (atMs < (next ?? Number.POSITIVE_INFINITY)) next = atMs;
    };
    this.#freezes = this.#freezes.filter(({ untilMs }) => untilMs > nowMs);
    const due = new Map<string, string>();
    let newestMs = Number.NEGATIVE_INFINITY;
    for (const [name, held] of this.#held) {
      for (const [id, { untilMs, guard, sinceMs }] of held) {
        if (untilMs > nowMs) {
          note(untilMs);
          continue;
        }
        held.delete(id);
        due.set(name, guard);
        newestMs = Math.max(newestMs, sinceMs);
      }
      if (held.size === 0) this.#held.delete(name);
    }
    for (const { untilMs } of this.#freezes) note(untilMs);
    for (const name of this.#flaps?.expire(nowMs) ?? []) due.set(name, 'flap');
    // What has waited its time out was meant: it is no part of a further loss. What was lost since then is.
    this.#count.forget(newestMs, nowMs);
    for (const [name, guard] of due) {
      this.#settle(name, { kind: 'guard', detail: `the hold of guard ${guard} is over` });
      this.#counts.expired++;
    }
    if (due.size > 0) this.#options.onChange();
    return next;
  }

  /**
   * Takes out what was not read for too long, and back in what is read again.
   * @param scopes scopes that are too old to go by, with why and since when; the empty one is the whole source
   * @param restored the same for what is of before a restart and was not published since
   */
  outdate(scopes: ReadonlyMap<string, HeldReason>, restored: ReadonlyMap<string, HeldReason> = new Map()): void {
    if (scopes.size === 0 && restored.size === 0 && this.#outdated.size === 0) return;
    const before = new Map(this.#outdated);
    this.#outdated.clear();
    if (scopes.size > 0 || restored.size > 0) {
      const { reported } = this.#options;
      for (const [name, service] of this.#seen) {
        const [reason] = [
          ...ofCovering(scopes, service),
          ...(reported.isRestored(name) ? ofCovering(restored, service) : []),
        ];
        if (reason !== undefined) this.#outdated.set(name, before.get(name) ?? reason);
      }
    }
    let any = false;
    for (const name of new Set([...before.keys(), ...this.#outdated.keys()])) {
      const reason = this.#outdated.get(name);
      if ((reason === undefined) === !before.has(name)) continue;
      this.#settle(name, { kind: 'guard', detail: reason ? reason.reason : 'it is read again' });
      any = true;
    }
    if (any) this.#options.onChange();
  }

  /** What is settled is what was reported last, so that has to be judged before. */
  #lookAtNews(): void {
    this.#look(this.#options.reported.takeChanged());
  }

  #look(names: ReadonlySet<string>): void {
    if (names.size === 0) return;
    const { reported, now } = this.#options;
    const nowMs = now();
    const losses: Loss[] = [];
    for (const name of names) {
      const service = reported.services.get(name);
      const lost = this.#lostOf(name, service);
      // The scope, before the count forgets it with a service that is gone.
      if (lost.length > 0) losses.push({ name, scope: this.#count.scopeOf(name), lost });
      this.#flaps?.observe(name, this.#seen.get(name), service, nowMs);
      this.#count.set(name, service);
      if (service === undefined) this.#seen.delete(name);
      else this.#seen.set(name, service);
    }
    this.#count.settle(nowMs);
    this.#judge(losses, nowMs);
    for (const name of names) this.#settle(name, registryCause);
  }

  /** Instances that were let through as serving and are not held, and that `service` has no more, or not as serving. */
  #lostOf(name: string, service: Service | undefined): readonly Instance[] {
    const accepted = this.#accepted.get(name);
    if (accepted === undefined || accepted.instances.length === 0) return [];
    const held = this.#held.get(name);
    const serving = new Set(service?.instances.filter(isServing).map(({ id }) => id));
    return accepted.instances.filter(
      (instance) => isServing(instance) && !serving.has(instance.id) && held?.has(instance.id) !== true,
    );
  }

  #judge(losses: readonly Loss[], nowMs: number): void {
    if (losses.length === 0) return;
    const whole = this.#verdictOf(wholeSource, nowMs);
    const scopes = new Map<string, Verdict>();
    const begun = new Map<string, { services: string[]; instances: number } & HeldReason>();
    for (const loss of losses) {
      if (!scopes.has(loss.scope)) scopes.set(loss.scope, this.#verdictOf(loss.scope, nowMs));
      const verdicts = [this.#verdictOfOperator(loss.name, nowMs), whole, scopes.get(loss.scope) ?? letThrough];
      const verdict = verdicts.find(({ hold }) => hold) ?? this.#verdictOnHealth(loss.name);
      for (const instance of loss.lost) {
        const reason = this.#reasonToHold(loss.name, instance, verdict, nowMs);
        if (reason === undefined) continue;
        const held = this.#held.get(loss.name) ?? new Map<string, HeldInstance>();
        this.#held.set(loss.name, held.set(instance.id, { ...reason, instance }));
        const key = `${reason.guard}\n${reason.reason}`;
        const group = begun.get(key) ?? { ...reason, services: [], instances: 0 };
        if (group.services.at(-1) !== loss.name) group.services.push(loss.name);
        group.instances++;
        begun.set(key, group);
      }
    }
    for (const group of begun.values()) {
      this.#counts.held += group.instances;
      this.#options.onHold(group);
    }
  }

  #reasonToHold(name: string, { id }: Instance, verdict: Verdict, nowMs: number): HeldReason | undefined {
    const key = `${name}\n${id}`;
    const stored = this.#resumable.get(key);
    if (stored !== undefined) {
      this.#resumable.delete(key);
      const { guard, reason, sinceMs, untilMs } = stored;
      return untilMs > nowMs ? { guard: guard as GuardName, reason, sinceMs, untilMs } : undefined;
    }
    if (!verdict.hold) return undefined;
    // An instance that is deregistered is not one that is said to be unhealthy.
    const { guard, reason, maxHoldMs } = verdict;
    if (guard === 'minimum-healthy' && this.#seen.get(name)?.instances.every((other) => other.id !== id) !== false) {
      return undefined;
    }
    return { guard, reason, sinceMs: nowMs, untilMs: nowMs + maxHoldMs };
  }

  #verdictOf(scope: string, nowMs: number): Verdict {
    const { massLoss: lossRule, empty: emptyRule } = this.#options.rules;
    const now = this.#count.now(scope);
    if (emptyRule) {
      const verdict = emptied(scope, this.#count.most(scope, nowMs, emptyRule.windowMs), now, emptyRule);
      if (verdict.hold) return verdict;
    }
    if (!lossRule || scope !== wholeSource) return letThrough;
    return massLoss(this.#count.most(scope, nowMs, lossRule.windowMs), now, lossRule);
  }

  #verdictOnHealth(name: string): Verdict {
    const rule = this.#options.rules.minimumHealthy;
    const service = this.#seen.get(name);
    if (!rule || !service) return letThrough;
    return minimumHealthy(service.instances.filter(isServing).length, service.instances.length, rule);
  }

  /** The one in force that ends last. */
  #freezeOf(name: string, nowMs: number): Freeze | undefined {
    let last: Freeze | undefined;
    for (const freeze of this.#freezes) {
      if (freeze.untilMs > (last?.untilMs ?? nowMs) && matchesGlob(freeze.service, name)) last = freeze;
    }
    return last;
  }

  #verdictOfOperator(name: string, nowMs: number): Verdict {
    const freeze = this.#freezeOf(name, nowMs);
    if (!freeze) return letThrough;
    return { hold: true, guard: 'operator', reason: freeze.reason, maxHoldMs: freeze.untilMs - nowMs };
  }

  /** Brings what is let through of a service in line with what is reported and held. */
  #settle(name: string, cause: ChangeCause): void {
    const service = this.#options.reported.services.get(name);
    const accepted = this.#accepted.get(name);
    this.#dropReturned(name, service);
    const next = letThroughWith(service, accepted, {
      held: this.#held.get(name),
      damped: this.#flaps?.dampedOf(name),
      isOutdated: this.#outdated.has(name),
    });
    if (next === undefined) {
      if (!this.#accepted.delete(name)) return;
    } else {
      this.#accepted.set(name, next);
      if (accepted !== undefined && sameService(accepted, next)) return;
    }
    this.#changed.set(name, cause);
    // What was restored stands where it came from.
    if (cause !== restoredCause) this.#options.onAccepted?.(name, next);
  }

  /** What the registry has again needs holding no more. */
  #dropReturned(name: string, service: Service | undefined): void {
    const held = this.#held.get(name);
    if (!held) return;
    const reported = new Map(service?.instances.map((instance) => [instance.id, instance]));
    for (const [id, { guard }] of held) {
      const instance = reported.get(id);
      if (instance ? isServing(instance) : guard === 'minimum-healthy') held.delete(id);
    }
    if (held.size === 0) this.#held.delete(name);
  }
}

/** With the times that it would have had if the clock had not been ahead when it was written. */
function notAhead<T extends { readonly sinceMs: number; readonly untilMs: number }>(stored: T, nowMs: number): T {
  const aheadMs = Math.max(0, stored.sinceMs - nowMs);
  return { ...stored, sinceMs: stored.sinceMs - aheadMs, untilMs: stored.untilMs - aheadMs };
}
