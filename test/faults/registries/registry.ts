import type { ServerHandle } from '../../servers/process.js';
import type { HttpFault, HttpFaultProxy } from '../bed/http-fault-proxy.js';
import type { Link } from '../bed/link.js';
import type { Entry } from '../ledger/entry.js';

export const registryKinds = ['zookeeper', 'consul', 'eureka', 'nacos2', 'nacos3'] as const;
export type RegistryKind = (typeof registryKinds)[number];

/**
 * A real registry, the clients that write to it, and the ways from it to the daemon, on which faults are put. Clients go
 * to the servers themselves: a fault of the network is one between the registry and us.
 */
export interface Registry {
  readonly kind: RegistryKind;
  readonly nodes: readonly ServerHandle[];
  /** The daemon's way to each node. */
  readonly links: readonly Link[];
  /** The servers' ways to each other, where they go through the proxies. */
  readonly between?: readonly Link[];
  /** In each way, where the registry speaks HTTP. */
  readonly httpFaults: readonly HttpFaultProxy[];
  /** What a healthy server that knows no instance would answer. */
  readonly emptyAnswers?: HttpFault;
  /** Whether its data outlives its processes. */
  readonly isDurable: boolean;
  /** Mesh host of a service by the default naming. */
  hostOf(service: string): string;
  /** Configuration of the daemon's source, through the links. */
  source(): Readonly<Record<string, unknown>>;
  /** Called when its data were lost or set back, before its clients come: makes what is no client's, as rights. */
  refound?(): Promise<void>;
  /** A clean slate for a run, whose services all begin with `scope`. */
  begin(scope: string): Promise<void>;
  /**
   * As the instance's own client: registers or changes it. Rejects when it can't be said that this was done.
   * @param node where, for one with copies; anywhere when absent
   */
  put(entry: Entry, node?: number): Promise<void>;
  remove(entry: Entry, node?: number): Promise<void>;
  /** What the registry holds of this run, by a reader of the tests that shares nothing with the adapters. */
  read(): Promise<readonly Copy[]>;
  /** Registers many instances as one client, that can go away with all of them. */
  crowd(entries: readonly Entry[]): Promise<Crowd>;
  /** Index of the node that leads, or of one that serves where none leads. */
  leader(): Promise<number>;
  /** Whether a server tells that an instance went away that its client has registered: the registry's own mistake. */
  disowns?(entry: Entry): Promise<boolean>;
  /** Whether a server has registered an instance by itself since `sinceMs` (Unix time), when its client took it away. */
  revived?(entry: Entry, sinceMs: number): Promise<boolean>;
  /**
   * Instances, as `host target`, that a server does not have any more and tells of still to who asks what has changed: its
   * own mistake, which a reader sees only when it reads everything again.
   */
  misses?(): Promise<ReadonlySet<string>>;
  /** How much longer than otherwise the daemon may take then. */
  readonly missedMs?: number;
  /** Takes the daemon's right to read away, and gives it back. */
  revoke?(): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

/** What one node that answers for itself holds; a registry whose nodes agree before they answer has one copy. */
export interface Copy {
  readonly node: number;
  readonly entries: readonly Entry[];
}

export interface Crowd {
  /** The client dies: the registry lets go of everything it had. Resolves when it has. */
  vanish(): Promise<void>;
}

/** Rejects when an answer does not come in time: a client whose server hangs gives up, too. */
export async function withDeadline<T>(work: Promise<T>, what: string, timeoutMs = 15_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer in ${timeoutMs} ms`)), timeoutMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
