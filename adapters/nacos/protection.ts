import { isRecord } from '../../core/model/is-record.js';
import { printable } from '../../core/model/printable.js';
import { toError } from './nacos-error.js';
import { defaultCluster, formatServiceKey, type ServiceKey } from './service-key.js';
import { type HealthById, withHealth } from './true-health.js';

export const protectionNotice = 'protection';
const shownServices = 5;
/** Services whose true health is looked after; a registry that protects more than this has no health to be trusted. */
const maxProtected = 10_000;

interface Protected {
  readonly key: ServiceKey;
  hosts: readonly unknown[];
  health: HealthById;
  reading: boolean;
  /** Answered anew while it was read. */
  again: boolean;
}

export interface ProtectionOptions {
  /** Reads the health that the server keeps of each instance. */
  readonly read: (key: ServiceKey, clusters: readonly string[]) => Promise<HealthById>;
  /** The health of a service has been read: `hosts` is how it stands. Must not throw. */
  readonly onHealth: (key: ServiceKey, hosts: readonly unknown[]) => void;
  readonly notice: (key: string, text: string | undefined) => void;
  readonly signal: AbortSignal;
}

/**
 * Services that have reached their protection threshold. With few enough instances healthy, Nacos calls all of them
 * healthy, so that its clients try them all (`ServiceUtil.selectInstancesWithHealthyProtection`). Whether that is wise
 * for the mesh is decided by the mesh and by the guards, so the true health is read beside, and operators are told.
 */
export class Protection {
  readonly #options: ProtectionOptions;
  readonly #services = new Map<string, Protected>();
  /** Why the last reading failed, if it did. */
  #failure: string | undefined;

  constructor(options: ProtectionOptions) {
    this.#options = options;
  }

  /**
   * What a server answered, with the health that is known: what was read last, or what it was before the protection.
   *
   * @param before the health of the instances that were published last
   */
  answered(
    key: ServiceKey,
    hosts: readonly unknown[],
    isProtected: boolean,
    before: () => HealthById,
  ): readonly unknown[] {
    const name = formatServiceKey(key);
    const known = this.#services.get(name);
    if (!isProtected || hosts.length === 0) {
      if (known) this.#end(name);
      return hosts;
    }
    if (!known && this.#services.size >= maxProtected) return hosts;
    const entry = known ?? { key, hosts, health: before(), reading: false, again: false };
    entry.hosts = hosts;
    if (!known) {
      this.#services.set(name, entry);
      this.#tell();
    }
    if (entry.reading) entry.again = true;
    else void this.#read(name, entry);
    return withHealth(hosts, entry.health);
  }

  /** The service is gone, or nobody answers for it any more. */
  forget(key: ServiceKey): void {
    const name = formatServiceKey(key);
    if (this.#services.has(name)) this.#end(name);
  }

  /** The namespace is not read any more: also what is being read of it is nobody's any more. */
  forgetNamespace(namespace: string): void {
    const before = this.#services.size;
    for (const [name, { key }] of this.#services) if (key.namespace === namespace) this.#services.delete(name);
    if (this.#services.size < before) this.#tell();
  }

  #end(name: string): void {
    this.#services.delete(name);
    this.#tell();
  }

  async #read(name: string, entry: Protected): Promise<void> {
    const { read, onHealth, signal } = this.#options;
    const isCurrent = () => !signal.aborted && this.#services.get(name) === entry;
    entry.reading = true;
    do {
      entry.again = false;
      let failure: string | undefined;
      try {
        const health = await read(entry.key, clustersOf(entry.hosts));
        if (isCurrent()) entry.health = health;
      } catch (error) {
        failure = toError(error).message;
      }
      if (!isCurrent()) return;
      if (failure === undefined) onHealth(entry.key, withHealth(entry.hosts, entry.health));
      if (failure !== this.#failure) {
        this.#failure = failure;
        this.#tell();
      }
    } while (entry.again);
    entry.reading = false;
  }

  #tell(): void {
    const names: string[] = [];
    for (const { key } of this.#services.values()) {
      if (names.push(printable(formatServiceKey(key))) === shownServices) break;
    }
    const { size } = this.#services;
    if (size === 0) {
      this.#options.notice(protectionNotice, undefined);
      return;
    }
    const more = size > names.length ? ` and ${size - names.length} more` : '';
    const unread = this.#failure === undefined ? '' : `; the true health of some cannot be read: ${this.#failure}`;
    this.#options.notice(
      protectionNotice,
      `${size} services have reached their protection threshold, so Nacos calls all their instances healthy: ` +
        `${names.join(', ')}${more}${unread}`,
    );
  }
}

function clustersOf(hosts: readonly unknown[]): readonly string[] {
  const clusters = new Set<string>();
  for (const host of hosts) {
    if (!isRecord(host)) continue;
    clusters.add(
      typeof host['clusterName'] === 'string' && host['clusterName'] !== '' ? host['clusterName'] : defaultCluster,
    );
  }
  return [...clusters];
}
