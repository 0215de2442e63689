import type { HoldStatus } from '../guard/hold.js';
import type { Instance, Port, Rejection } from '../model/index.js';
import type { SinkExplanation } from '../sink/sink.js';
import type { SourceRecord } from '../source/source.js';
import type { SourceState } from '../source/status.js';

/** Why an endpoint, or a host, is as it is: the whole chain of each service that has a part in it. */
export interface WhyReport {
  /** What was asked for: a host, or an address with or without a port. */
  readonly target: string;
  /** One a service of a source; at most 20. */
  readonly chains: readonly WhyChain[];
  /** How many there are. */
  readonly total: number;
}

/** From the registry to the clients, step by step. */
export interface WhyChain {
  readonly source: string;
  /** The service's name in the registry. */
  readonly service: string;
  /** Id of the instance that was asked for; absent when a host was. */
  readonly instance?: string;
  readonly registry: WhyRegistry;
  readonly reported: WhyReported;
  readonly guard: WhyGuard;
  readonly shape: WhyShape;
  readonly naming: { readonly hosts: readonly string[]; readonly problems: readonly string[] };
  /** One a host. */
  readonly published: readonly WhyPublished[];
}

export interface WhyRegistry {
  readonly status: SourceState;
  /** The registry's own records; absent when the source cannot be asked for them. */
  readonly records?: readonly SourceRecord[];
  /** Why they could not be read. */
  readonly error?: string;
}

/** What the adapter made of it. */
export interface WhyReported {
  readonly known: boolean;
  /** Of the service. */
  readonly instances: number;
  readonly instance?: Instance;
  /** Records of the service that were left out, the first 20. */
  readonly rejected: readonly Rejection[];
}

export interface WhyGuard {
  /** Whether the service, or the instance, is let through. */
  readonly letThrough: boolean;
  readonly holds: readonly HoldStatus[];
}

export interface WhyShape {
  /** Whether the service, or the instance, is still there. */
  readonly kept: boolean;
  readonly reasons: readonly string[];
}

export interface WhyPublished {
  readonly host: string;
  /** Content hash; absent: the host is not in the catalog. */
  readonly version?: string;
  readonly ports: readonly Port[];
  /** Every source's part in the host, in order of precedence. */
  readonly merge: readonly {
    readonly source: string;
    readonly service: string;
    readonly active: boolean;
    readonly instances: number;
    /** Whether the instance that was asked for is published by this one. */
    readonly has: boolean;
  }[];
  readonly sinks: readonly ({ readonly name: string; readonly kind: string } & SinkExplanation)[];
}
