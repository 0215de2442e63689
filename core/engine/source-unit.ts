import type { Logger } from 'pino';
import { type GuardCounts, GuardedTable } from '../guard/guarded-table.js';
import type { Freeze, HeldReason, HoldStatus } from '../guard/hold.js';
import type { GuardRules } from '../guard/rules.js';
import { ofCovering } from '../guard/scope.js';
import { tooOld } from '../guard/staleness.js';
import type { Service } from '../model/index.js';
import type { Source } from '../source/source.js';
import { SourceTable } from '../source/source-table.js';
import { SourceSupervisor } from '../source/supervisor.js';
import type { Clock } from '../time/index.js';
import type { StoredSource, StoredTrust } from '../warm/warm-store.js';

export interface SourceUnitOptions {
  readonly name: string;
  readonly kind: string;
  readonly required: boolean;
  readonly staleAfterMs: number;
  readonly guards: GuardRules;
  readonly source: Source;
  readonly clock: Clock;
  /** Already bound to the source. */
  readonly logger: Logger;
  readonly onSynced: () => void;
  readonly onTrouble: () => void;
  /** There is something for the catalog. */
  readonly onChange: () => void;
  readonly onAccepted?: (name: string, service: Service | undefined) => void;
}

const shownServices = 5;

/** One source with all that stands between its registry and the catalog: supervision, what it says, what is let through. */
export class SourceUnit {
  readonly name: string;
  readonly supervisor: SourceSupervisor;
  readonly reported: SourceTable;
  readonly guarded: GuardedTable;
  readonly #options: SourceUnitOptions;
  #trustMark = '';
  /** What was too little read already before a restart, and since when, by scope. */
  #behindBefore: ReadonlyMap<string, number> = new Map();

  constructor(options: SourceUnitOptions) {
    const { name, guards, clock, onChange, onAccepted, onSynced, onTrouble } = options;
    this.#options = options;
    this.name = name;
    this.reported = new SourceTable(onChange);
    this.guarded = new GuardedTable({
      source: name,
      reported: this.reported,
      rules: guards,
      now: () => clock.now(),
      onChange,
      onHold: (held) => this.#tellOfHold(held),
      ...(onAccepted === undefined ? {} : { onAccepted }),
    });
    this.supervisor = new SourceSupervisor({ ...options, table: this.reported, onSynced, onTrouble });
  }

  holds(): readonly HoldStatus[] {
    return this.guarded.holds();
  }

  get freezes(): readonly Freeze[] {
    return this.guarded.freezes;
  }

  get guardCounts(): GuardCounts {
    return this.guarded.counts;
  }

  /**
   * Puts in what was published before a restart, but for what is too old to go by.
   * @returns whether there was anything
   */
  restore({ services, trust }: StoredSource): boolean {
    const { clock, guards, logger } = this.#options;
    const nowMs = clock.now();
    const degraded = new Map(trust.degraded.map(({ scope, sinceMs }) => [scope, sinceMs]));
    const isTooOld = (service: Service) => {
      if (!guards.staleness) return false;
      const confirmedMs = Math.min(trust.confirmedMs, ...ofCovering(degraded, service));
      return tooOld(confirmedMs, nowMs, guards.staleness).hold;
    };
    const kept = services.filter((service) => !isTooOld(service));
    const dropped = services.filter(isTooOld);
    // Off the disk too: it would be restored as new when the rest has been read.
    for (const { name } of dropped) this.#options.onAccepted?.(name, undefined);
    if (dropped.length > 0) {
      logger.warn({ dropped: dropped.length, kept: kept.length }, 'some of what was kept on disk is too old to go by');
    }
    if (kept.length === 0) return false;
    this.#behindBefore = new Map([...degraded, ['', trust.confirmedMs]]);
    this.guarded.restore(kept, trust.holds, trust.freezes);
    this.supervisor.restored(trust.confirmedMs);
    const instances = this.reported.instanceCount;
    logger.info({ services: kept.length, instances, ageMs: nowMs - trust.confirmedMs }, 'restored from disk');
    return true;
  }

  /** Lets go of what was held for its longest time, and of what was not read for too long. */
  tick(nowMs: number): void {
    this.guarded.tick(nowMs);
    const behind = new Map(this.supervisor.behind());
    // Of a source that was never whole it says that a part lacks, not that what was published since the start is old.
    if (!this.supervisor.synced) behind.delete('');
    this.guarded.outdate(
      this.#tooOld(behind, nowMs),
      this.supervisor.restoredMs === undefined ? new Map() : this.#tooOld(this.#behindBefore, nowMs),
    );
  }

  /** Everything was read, and stands in the catalog. */
  listed(): void {
    this.guarded.listed();
    // What a source lists as it was before the restart is no younger for that.
    for (const [scope, sinceMs] of this.#behindBefore) if (scope !== '') this.supervisor.backdate(scope, sinceMs);
    this.#behindBefore = new Map();
  }

  #tooOld(behind: ReadonlyMap<string, number>, nowMs: number): ReadonlyMap<string, HeldReason> {
    const outdated = new Map<string, HeldReason>();
    const { staleness } = this.#options.guards;
    if (!staleness) return outdated;
    for (const [scope, sinceMs] of behind) {
      const verdict = tooOld(sinceMs, nowMs, staleness);
      if (!verdict.hold) continue;
      outdated.set(scope, { guard: verdict.guard, reason: verdict.reason, sinceMs: nowMs, untilMs: Infinity });
    }
    return outdated;
  }

  log(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#options.logger.warn(fields, message);
  }

  /** Whether holds, orders to hold, or what is behind, are others than at the last call. */
  hasNewTrust(): boolean {
    const { held, expired, released } = this.guarded.counts;
    const orders = this.guarded.freezes.map(({ service, untilMs }) => `${service} ${untilMs}`);
    const behind = this.supervisor.behind().keys();
    const mark = [held, expired, released, this.supervisor.synced, ...orders, ...behind].join('\n');
    const isNew = mark !== this.#trustMark;
    this.#trustMark = mark;
    return isNew;
  }

  /** What is to be kept on disk of how far it can be trusted; undefined for what was never whole: it is not to be restored. */
  trust(nowMs: number): StoredTrust | undefined {
    const { synced, restoredMs } = this.supervisor;
    if (!synced && restoredMs === undefined) return undefined;
    const behind = new Map(this.supervisor.behind());
    const before = restoredMs === undefined ? [] : this.#behindBefore;
    for (const [scope, sinceMs] of before) behind.set(scope, Math.min(sinceMs, behind.get(scope) ?? sinceMs));
    return {
      confirmedMs: behind.get('') ?? nowMs,
      degraded: [...behind].filter(([scope]) => scope !== '').map(([scope, sinceMs]) => ({ scope, sinceMs })),
      holds: this.guarded
        .holds(Number.POSITIVE_INFINITY)
        .flatMap(({ service, guard, reason, sinceMs, untilMs, instances }) =>
          untilMs === undefined || guard === 'flap' ? [] : [{ service, guard, reason, sinceMs, untilMs, instances }],
        ),
      freezes: this.guarded.freezes,
    };
  }

  #tellOfHold({
    services,
    ...held
  }: { readonly services: readonly string[]; readonly instances: number } & HeldReason): void {
    const { guard, reason, instances, untilMs } = held;
    this.#options.logger.error(
      {
        guard,
        reason,
        instances,
        services: services.length,
        first: services.slice(0, shownServices),
        until: new Date(untilMs).toISOString(),
      },
      'a loss is held back; `isthmus guard list` shows it, `isthmus guard release` lets it through',
    );
  }
}
