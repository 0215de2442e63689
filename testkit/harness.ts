import type { Source } from '../core/source/source.js';

/** An instance as the conformance suite wants it in the registry; the harness puts it into the registry's own terms. */
export interface SampleInstance {
  /** Short, unique within the service: for registries whose instances have an id of the writer's choice. */
  readonly id: string;
  /** IPv4. */
  readonly address: string;
  readonly port: number;
  /** In the catalog's scale: 100 is ordinary. Ignored by registries that know no weight. */
  readonly weight: number;
  /** Ignored by registries that know no metadata. */
  readonly metadata: Readonly<Record<string, string>>;
  /** False: registered, but not to take traffic. Ignored by registries that know no health. */
  readonly healthy: boolean;
}

/**
 * The registry, as the people who register their services see it. Write with the registry's own client or protocol,
 * never with the code under test, or a shared mistake stays unseen.
 */
export interface RegistryWriter {
  /** Registers an instance, or changes the one of this id. Resolves when the registry has taken it. */
  put(service: string, instance: SampleInstance): Promise<void>;
  /** Deregisters one instance. Resolves when the registry has taken it; one that is gone already is no error. */
  remove(service: string, instanceId: string): Promise<void>;
  /**
   * Makes the registry unreachable for the source: connections are closed and new ones refused. A TCP proxy in between
   * is best (fast, and writes go on behind it); stopping the server does too. What it holds must come back with `start`.
   */
  stop?(): Promise<void>;
  /** Makes the registry reachable again, holding what it held plus what was written meanwhile. */
  start?(): Promise<void>;
  /**
   * Arms a fault: the registry is reachable (if it was not, it becomes so) until it has answered some part of the next
   * listing, and then unreachable until `start`. Without it the suite calls `stop` at several moments of a listing instead.
   */
  stopMidListing?(): Promise<void>;
}

/** What the registry can express, so that the suite demands no more. All default to true. */
export interface SourceCapabilities {
  /** `put` changes the weight that the catalog shows. */
  readonly weights?: boolean;
  /** `put` changes the metadata that the catalog shows; keys used are `version`, `zone` and `empty`. */
  readonly metadata?: boolean;
  /** `put` with `healthy: false` gives an instance that takes no traffic. */
  readonly health?: boolean;
  /** `put` and `remove` work between `stop` and `start`, as behind a proxy. */
  readonly writesDuringOutage?: boolean;
}

/** What an adapter's author gives to `describeSource`. */
export interface SourceHarness {
  /**
   * A new source on the same registry at each call, as after a restart of the daemon. Give it short intervals and
   * back-offs: the suite restarts the registry several times.
   */
  createSource(): Source | Promise<Source>;
  readonly registry: RegistryWriter;
  readonly capabilities?: SourceCapabilities;
  /**
   * `Service.name` under which the source publishes what the writer calls `service`. Default: the same.
   * The suite's names are like `isthmus-3-orders`: lower case, digits, dashes.
   */
  serviceName?(service: string): string;
  /** How long any one expectation may take. Default 20 s; longer for a registry that is slow by nature. */
  readonly deadlineMs?: number;
  /** How long the registry stays away when the suite looks for false removals. Default 1.5 s; make it longer than a poll. */
  readonly outageMs?: number;
  /** Moments at which a listing is cut with `stop`, after its start. Default 0, 2, 5, 10, 25, 60 ms. */
  readonly cutsMs?: readonly number[];
  /** Services × instances in the listings. Default 5 × 3. */
  readonly size?: { readonly services: number; readonly instances: number };
}

/** What the registry can express, with the defaults filled in. */
export function capabilitiesOf(harness: SourceHarness): Required<SourceCapabilities> {
  return { weights: true, metadata: true, health: true, writesDuringOutage: true, ...harness.capabilities };
}
