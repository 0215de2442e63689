import { printable } from '../../core/model/printable.js';
import type { AuditDifference, AuditReport, Clock, Instance, Service } from '../../core/plugin/index.js';
import { sameInstance, sameService } from '../../core/plugin/index.js';
import type { ServiceState } from './service-state.js';
import { forEach } from './task-group.js';

export interface AuditOptions {
  readonly clock: Clock;
  /** Reads at the same time at most. */
  readonly parallel: number;
  /** Names that the catalog has now. */
  list(signal: AbortSignal): Promise<ReadonlySet<string>>;
  readonly states: ReadonlyMap<string, ServiceState>;
  /**
   * The service as it is in Consul now; undefined when it would not be published, `unreadable` when ACLs hide it or it is
   * not as it should be.
   */
  read(state: ServiceState, signal: AbortSignal): Promise<Service | undefined | 'unreadable'>;
  /** Whether a read of the service is on its way anyhow. */
  isPending(name: string): boolean;
  /** Takes over what is in Consul; resolves when it is published. */
  repair(name: string, signal: AbortSignal): Promise<void>;
  /** Name in the catalog. */
  published(name: string): string;
}

/** How long a change may be on its way to us before the audit calls it missed. */
const settleMs = 2000;
const maxFound = 100;
const maxDetails = 3;

/**
 * Reads everything anew and compares it with what is published. What differs, and differs still after a while in which
 * no watch has told of the service, was missed: it is counted and repaired.
 * @throws ConsulError when the registry could not be read whole, or the signal's reason
 */
export async function auditSession(options: AuditOptions, signal: AbortSignal): Promise<AuditReport> {
  const { clock, parallel, states, list, isPending, repair, published } = options;
  const suspects = new Map<string, number | undefined>();
  const listed = await list(signal);
  for (const name of listed) if (!states.has(name)) suspects.set(name, undefined);
  let compared = suspects.size;
  const lookAt = async (state: ServiceState, within: AbortSignal) => {
    const difference = await compare(options, state, within);
    if (difference !== 'unreadable') compared++;
    if (difference !== 'unreadable' && difference !== undefined) suspects.set(state.name, state.index);
  };
  await forEach([...states.values()], parallel, lookAt, signal);
  const found: AuditDifference[] = [];
  let differences = 0;
  if (suspects.size > 0) await clock.sleep(settleMs, signal);
  // One that no watch has told of may be gone by now.
  const isStrangerThere = [...suspects.keys()].some((name) => !states.has(name));
  const there = isStrangerThere ? await list(signal) : listed;
  const mend = async ([name, index]: [string, number | undefined], within: AbortSignal) => {
    const state = states.get(name);
    // Whatever has moved since is seen by itself.
    if (isPending(name) || state?.index !== index || !(state || there.has(name))) return;
    const detail = state ? await compare(options, state, within) : 'the service was missed';
    if (detail === undefined || detail === 'unreadable' || states.get(name)?.index !== index) return;
    differences++;
    if (found.length < maxFound) found.push({ service: published(name), detail });
    await repair(name, within);
  };
  await forEach(suspects, parallel, mend, signal);
  return { compared, differences, found };
}

/** @returns what differs, undefined for nothing */
async function compare(
  options: AuditOptions,
  state: ServiceState,
  signal: AbortSignal,
): Promise<string | undefined | 'unreadable'> {
  const now = await options.read(state, signal);
  if (now === 'unreadable') return now;
  const before = state.service;
  if (now === undefined || before === now) return undefined;
  if (before === undefined) return now.instances.length === 0 ? undefined : 'the service was missed';
  return sameService(before, now) ? undefined : describeDifference(before, now);
}

function describeDifference(before: Service, now: Service): string {
  const known = new Map(before.instances.map((instance) => [instance.id, instance]));
  const details: string[] = [];
  const note = (instance: Instance, what: string) => details.push(`instance ${printable(instance.id)} ${what}`);
  for (const instance of now.instances) {
    const was = known.get(instance.id);
    if (!was) note(instance, 'was missed');
    else if (!sameInstance(was, instance)) note(instance, 'had changed unseen');
    known.delete(instance.id);
  }
  for (const instance of known.values()) note(instance, 'had gone unseen');
  if (details.length === 0) return 'its ports or attributes had changed unseen';
  const more = details.length > maxDetails ? `, and ${details.length - maxDetails} more` : '';
  return details.slice(0, maxDetails).join(', ') + more;
}
