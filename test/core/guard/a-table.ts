import { GuardedTable } from '../../../core/guard/guarded-table.js';
import type { GuardRules } from '../../../core/guard/rules.js';
import type { Instance } from '../../../core/model/index.js';
import { SourceTable } from '../../../core/source/source-table.js';
import { anInstance } from '../../support/model.js';

/** What a source says and what is let through of it, with a clock that stands still. */
export function aTable(rules: GuardRules) {
  const time = { nowMs: 1_000_000 };
  const told: string[] = [];
  const accepted: string[] = [];
  const reported = new SourceTable(() => undefined);
  const table = new GuardedTable({
    source: 'zk',
    reported,
    rules,
    now: () => time.nowMs,
    onChange: () => undefined,
    onHold: ({ guard, services, instances }) =>
      told.push(`${guard} ${services.length} services ${instances} instances`),
    onAccepted: (name, service) => accepted.push(`${name} ${service ? service.instances.length : 'gone'}`),
  });
  const take = () => [...table.takeChanged()].map(([name, { kind }]) => `${name} ${kind}`);
  const let_ = (name: string) =>
    table.services.get(name)?.instances.map(({ id, health }) => (health === 'healthy' ? id : `${id}!`));
  return { time, told, accepted, reported, table, take, ids: let_ };
}

/** Instances `001`, `002` and so on. */
export const ids = (from: number, to: number, change: Partial<Instance> = {}) =>
  Array.from({ length: to - from + 1 }, (_, index) => anInstance(String(from + index).padStart(3, '0'), change));
