import type { Logger } from 'pino';
import type { Clock } from '../../core/plugin/index.js';
import type { ZookeeperConnection } from './connection.js';
import type { Follower } from './follower.js';
import { childrenStamp } from './jute.js';
import type { ProviderTree } from './provider-tree.js';
import type { RegistryPaths } from './registry-paths.js';

export interface AuditOptions {
  readonly connection: ZookeeperConnection;
  readonly follower: Follower;
  readonly tree: ProviderTree;
  readonly paths: RegistryPaths;
  /** Mean time between two audits; each is between half and one and a half of it. 0: none. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called for each interface whose change no watch had told. */
  readonly onDifference: (name: string) => void;
  readonly signal: AbortSignal;
  readonly random?: () => number;
}

/** Few at a time: the audit is never urgent. */
const concurrency = 4;

/**
 * From time to time compares each `providers` node's stamp with the one that was read, and has what differs read again:
 * a net for changes that no watch told of. ZooKeeper leaves out, for instance, events about nodes whose own ACL forbids
 * us to read them, though their parent may be listed (CVE-2024-23944's fix). Runs until the signal aborts.
 */
export async function audit(options: AuditOptions): Promise<never> {
  const { intervalMs, clock, signal, follower, random = Math.random } = options;
  for (;;) {
    await clock.sleep(intervalMs === 0 ? longestSleepMs : Math.round(intervalMs * (0.5 + random())), signal);
    if (intervalMs === 0) continue;
    follower.reread();
    const names = [...options.tree.names].values();
    await Promise.all(Array.from({ length: concurrency }, () => compareAll(names, options)));
  }
}

const longestSleepMs = 2 ** 31 - 1;

async function compareAll(names: Iterator<string> & Iterable<string>, options: AuditOptions): Promise<void> {
  const { connection, follower, tree, paths, logger, onDifference } = options;
  for (const name of names) {
    const stat = await connection.exists(paths.providers(name), false);
    const stamp = stat && childrenStamp(stat);
    // An event comes before any reply that shows its change, so what is not pending by now was missed.
    if (stamp === tree.stamp(name) || follower.isPending(name)) continue;
    logger.warn({ interface: name }, 'a change was missed by the watches and found by the audit');
    onDifference(name);
    follower.reread(name);
  }
}
