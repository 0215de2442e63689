import type { AuditDifference, AuditReport } from '../../core/plugin/index.js';
import type { Follower } from './follower.js';
import { LastingCheck } from './lasting-check.js';
import type { Place, Places } from './places.js';
import type { RegistryState } from './registry-state.js';
import { unitScope, unitsOf } from './unit.js';
import { hasCode } from './zookeeper-error.js';

export interface AuditOptions {
  readonly follower: Follower;
  readonly places: Places;
  readonly state: RegistryState;
  /** Requests in flight at once. */
  readonly concurrency: number;
  /** Called for each node whose change no watch had told. */
  readonly onDifference: () => void;
  readonly signal: AbortSignal;
}

const maxFound = 100;

/**
 * Compares the state of every node that was read with the one that it was read in, has those that differ read again, and
 * waits until they are: a net for changes that no watch told of. ZooKeeper leaves out, for instance, events about nodes
 * whose own ACL forbids us to read them, though their parent may be listed (CVE-2024-23944's fix).
 * @throws ZookeeperError when a node's state can't be asked for, but for one that we have no right to read any more; the
 * signal's reason
 */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const { follower, places, state, concurrency, onDifference, signal } = options;
  const { nodes } = follower;
  const missed = new Map<string, Place>();
  const rest = [...nodes.stamps].values();
  const compare = async () => {
    for (const [path, stamp] of rest) {
      signal.throwIfAborted();
      const place = places.locate(path);
      if (place === undefined) continue;
      const isAsRead = await nodes.isAsRead(path, stamp).catch(unlessRefused);
      if (isAsRead === true) continue;
      // An event comes before any reply that shows its change, so what is not pending, or was read since, was missed.
      if (follower.isPending(place) || nodes.stamps.get(path) !== stamp) continue;
      if (isAsRead === 'refused') {
        // Its own reading tells so, and of that node alone.
        follower.reread(place);
        continue;
      }
      if (follower.isToldByChildren(place)) {
        if (!(await follower.findsUntold(place))) continue;
      } else follower.reread(place);
      missed.set(path, place);
      onDifference();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, compare));
  for (const place of missed.values()) await follower.hasRead(place);
  await new LastingCheck(options).run();
  const found = [...missed].slice(0, maxFound).map(([, place]) => difference(place, places));
  return { compared: state.serviceCount, differences: missed.size, found };
}

function unlessRefused(error: unknown): 'refused' {
  if (hasCode(error, 'NO_AUTH')) return 'refused';
  throw error;
}

function difference(place: Place, places: Places): AuditDifference {
  const [unit] = unitsOf(place);
  return { service: unit ? unitScope(unit, places) : '', detail: `${subject(place)} had changed unseen` };
}

function subject(place: Place): string {
  switch (place.kind) {
    case 'root':
      return 'the list of interfaces';
    case 'interface':
      return `the list of its ${place.category ?? 'nodes'}`;
    case 'applications':
      return 'the list of applications';
    case 'application':
      return place.child === undefined ? 'the list of its instances' : 'an instance';
    case 'rules':
      return 'the list of rules';
    case 'rule':
      return 'its text';
    case 'mappings':
      return 'the list of mappings';
    case 'mapping':
      return 'the applications that provide it';
  }
}
