import { type InstanceRecord, recordKey } from './convert.js';
import type { ApplicationRecords, RegistryView } from './registry-view.js';
import type { EurekaServer } from './server.js';

/** With more, so much has changed between the two answers that the next delta tells. */
const maxAsked = 20;

/**
 * Takes out of a delta what it adds to a listing though the server does not have it any more: a delta that missed the end of
 * an instance stays in the server's cache for minutes. The server is asked for each by itself, which it answers out of no
 * cache; if it cannot be, or tells of nothing at all that way, the delta is believed.
 * @param view the listing, without the delta
 * @throws the signal's reason, and nothing else
 */
export async function withoutStaleAdditions(
  server: Pick<EurekaServer, 'has'>,
  view: RegistryView,
  recent: readonly ApplicationRecords[],
  signal: AbortSignal,
): Promise<readonly ApplicationRecords[]> {
  const added = additionsTo(view, recent);
  if (added.length === 0 || added.length > maxAsked) return recent;
  try {
    const stale = new Set<string>();
    for (const record of added) {
      if (!(await server.has(record.application, record.id, signal))) stale.add(recordKey(record));
    }
    const known = firstOf(view);
    // Where a proxy lets only whole listings through, nothing is there.
    const isBelieved = stale.size > 0 && known && (await server.has(known.application, known.id, signal));
    if (!isBelieved) return recent;
    return recent.map(({ name, records }) => ({ name, records: records.filter((one) => !stale.has(recordKey(one))) }));
  } catch {
    signal.throwIfAborted();
    return recent;
  }
}

/** What is there by the delta alone. */
function additionsTo(view: RegistryView, recent: readonly ApplicationRecords[]): readonly InstanceRecord[] {
  const last = new Map<string, InstanceRecord>();
  for (const { records } of recent) for (const record of records) last.set(recordKey(record), record);
  return [...last.values()].filter(
    ({ application, id, deleted, outcome }) =>
      !deleted && outcome.kind === 'instance' && !view.records(application).has(id),
  );
}

function firstOf(view: RegistryView): InstanceRecord | undefined {
  for (const name of view.names()) for (const record of view.records(name).values()) return record;
  return undefined;
}
