import { sameInstance } from '../../core/plugin/index.js';
import type { InstanceRecord } from './convert.js';

/** Whether nobody who reads what is published could tell the two records apart. */
export function saysSame(a: InstanceRecord, b: InstanceRecord): boolean {
  if (a === b) return true;
  return (
    a.status === b.status &&
    a.vipAddress === b.vipAddress &&
    a.secureVipAddress === b.secureVipAddress &&
    sameOutcome(a, b)
  );
}

/** The new record, or the known one when it says the same: what did not change stays the very same object. */
export function takeOver(known: InstanceRecord, record: InstanceRecord): InstanceRecord {
  if (!saysSame(known, record)) return record;
  const isOfSameTime = known.dirtyMs === record.dirtyMs && known.updatedMs === record.updatedMs;
  return isOfSameTime ? known : { ...record, outcome: known.outcome };
}

/** Whether `record` is of an earlier state of the instance than `other`, as far as both say. */
export function isOlder(record: InstanceRecord, other: InstanceRecord): boolean {
  return record.dirtyMs !== 0 && record.dirtyMs < other.dirtyMs;
}

/**
 * Whether a change that one server tells is of a time before what it lists itself: by its own clock, and not against the
 * revisions that the instance gives its registrations.
 */
export function isOvertaken(change: InstanceRecord, listed: InstanceRecord): boolean {
  return change.updatedMs !== 0 && change.updatedMs < listed.updatedMs && change.dirtyMs <= listed.dirtyMs;
}

function sameOutcome({ outcome: a }: InstanceRecord, { outcome: b }: InstanceRecord): boolean {
  if (a === b) return true;
  if (a.kind === 'instance') {
    return b.kind === 'instance' && a.plainProtocol === b.plainProtocol && sameInstance(a.instance, b.instance);
  }
  return b.kind === 'rejected' && a.reason === b.reason && a.record === b.record;
}
