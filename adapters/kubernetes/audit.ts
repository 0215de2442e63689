import { type KubernetesClient, listCollection } from '../../clients/kubernetes/index.js';
import type { AuditDifference, AuditReport, Clock } from '../../core/plugin/index.js';
import type { Realm, RealmView } from './realm.js';
import type { Touched } from './touched.js';

/** How long a change may be on its way to us before the audit calls it missed. */
const settleMs = 2000;
const maxFound = 100;

interface AuditOptions {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly pageSize: number;
}

interface Versioned {
  readonly resourceVersion: string;
}

/**
 * Lists everything again and compares it with what the watches have told. What differs, and of which nothing
 * was told in the meantime, was missed: it is counted and taken over.
 *
 * The versions before and after do not tell: what is made and deleted in the meantime is absent both times.
 * @throws KubernetesError when it could not be listed whole, or the signal's reason
 */
export async function auditRealm(
  realm: Realm,
  view: RealmView,
  options: AuditOptions,
  signal: AbortSignal,
): Promise<AuditReport> {
  const touched = view.beginNoting();
  try {
    return await audit(realm, view, touched, options, signal);
  } finally {
    view.endNoting(touched);
  }
}

async function audit(
  realm: Realm,
  view: RealmView,
  touched: Touched,
  { client, clock, pageSize }: AuditOptions,
  signal: AbortSignal,
): Promise<AuditReport> {
  const before = { services: versionsOf(view.serviceRecords), slices: versionsOf(view.sliceRecords) };
  const services = await listCollection(realm.services, { client, pageSize }, signal);
  const slices = await listCollection(realm.slices, { client, pageSize }, signal);
  const suspects = {
    services: differing(before.services, services.items),
    slices: differing(before.slices, slices.items),
  };
  if (suspects.services.length + suspects.slices.length > 0) await clock.sleep(settleMs, signal);
  signal.throwIfAborted();
  const found: AuditDifference[] = [];
  let differences = 0;
  const note = (service: string, detail: string) => {
    differences++;
    if (found.length < maxFound) found.push({ service, detail });
  };
  for (const key of suspects.services) {
    if (touched.has('services', key)) continue;
    note(key, `the Service ${wordFor(before.services.get(key), services.items.get(key))}`);
    view.setService(key, services.items.get(key));
  }
  for (const key of suspects.slices) {
    if (touched.has('slices', key)) continue;
    const known = view.sliceRecords.get(key);
    const now = slices.items.get(key);
    note(now?.service ?? known?.service ?? key, `the EndpointSlice ${key} ${wordFor(known, now)}`);
    view.setSlice(key, now);
  }
  view.settle();
  return { compared: services.items.size, differences, found };
}

function versionsOf(records: ReadonlyMap<string, Versioned>): ReadonlyMap<string, string> {
  return new Map([...records].map(([key, { resourceVersion }]) => [key, resourceVersion]));
}

function differing(known: ReadonlyMap<string, string>, listed: ReadonlyMap<string, Versioned>): string[] {
  const keys: string[] = [];
  for (const [key, { resourceVersion }] of listed) if (known.get(key) !== resourceVersion) keys.push(key);
  for (const key of known.keys()) if (!listed.has(key)) keys.push(key);
  return keys;
}

function wordFor(known: unknown, now: unknown): string {
  if (known === undefined) return 'was missed';
  return now === undefined ? 'had gone unseen' : 'had changed unseen';
}
