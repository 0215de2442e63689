import type { Protocol } from './protocol.js';

/** String keys to string values; made without a prototype where keys come from a registry (see `metadataFrom`). */
export type Metadata = Readonly<Record<string, string>>;

/**
 * - `healthy`: the registry says it may take traffic
 * - `unhealthy`: registered, but failing, disabled or switched off
 * - `draining`: leaves soon; takes no new traffic
 * - `unknown`: the registry has no health notion; treated as able to take traffic
 */
export type Health = 'healthy' | 'unhealthy' | 'draining' | 'unknown';

/** A port of a service: `number` is what mesh clients dial; the instance's own number stands in {@link Instance.ports}. */
export interface Port {
  /** Unique within the service, a DNS label (RFC 1123), as `http` or `dubbo`. */
  readonly name: string;
  /** 1 to 65535, unique within the service. */
  readonly number: number;
  readonly protocol: Protocol;
}

/** Where an instance runs; empty strings for what is not known. Written `region/zone/subzone`. */
export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

/** The weight of an ordinary instance. Adapters scale their registry's own default to it (Nacos 1.0 → 100). */
export const defaultWeight = 100;

export interface Instance {
  /** Unique within the service, equal on every replica and after every restart. */
  readonly id: string;
  /** IPv4, IPv6 without brackets or zone, or a DNS name. */
  readonly address: string;
  /** Port name → the number this instance listens on. A port that the instance lacks is left out. */
  readonly ports: Readonly<Record<string, number>>;
  readonly health: Health;
  /** Whole number from 0 to 1,000,000; {@link defaultWeight} is ordinary, 0 takes no traffic. */
  readonly weight: number;
  readonly locality?: Locality;
  /** Name of the network the address is reachable in; absent: the site's own. */
  readonly network?: string;
  readonly metadata: Metadata;
}

/** A registry record that was left out, and why; never a reason to drop the rest of its service. */
export interface Rejection {
  /** The record in the registry's own terms, shortened, with no secrets. */
  readonly record: string;
  readonly reason: string;
}

/** A rule of the registry's own for routing or configuring a service: data, never run as code. */
export interface RegistryRule {
  /** Unique within the service: where the rule stands in the registry. */
  readonly id: string;
  /** In the registry's own terms, as `override`, `condition`, `tag`, `script`, `mesh`. */
  readonly kind: string;
  /** What it is about: the service or the application's name. */
  readonly scope: string;
  readonly enabled: boolean;
  /**
   * - `applied`: its effect is in the instances
   * - `carried`: the mesh can route by what stands in labels and metadata
   * - `shown`: known, and without effect here
   * - `rejected`: not understood, or broken; see `reason`
   */
  readonly effect: 'applied' | 'carried' | 'shown' | 'rejected';
  readonly reason?: string;
  /** As the registry has it, printable, at most 4 KiB. */
  readonly text: string;
}

/** Somebody that the registry knows as a consumer of a service. */
export interface Consumer {
  /** Unique within the service. */
  readonly id: string;
  /** Name of the application; empty when the registry does not know it. */
  readonly application: string;
  /** IP address or DNS name; empty when the registry does not know it. */
  readonly address: string;
  readonly metadata: Metadata;
}

export interface Service {
  /** In the registry's own terms; unique within its source. */
  readonly name: string;
  /** What naming templates can use, as `interface`, `group`, `version`, `namespace`, `name`. Values may be empty. */
  readonly attributes: Metadata;
  readonly ports: readonly Port[];
  /** May be empty: the service exists and has nobody to serve it. */
  readonly instances: readonly Instance[];
  readonly metadata: Metadata;
  /** What was left out of `instances`. */
  readonly rejected?: readonly Rejection[];
  /** The registry's own rules for it; their effect is in the instances, so sinks need not look at them. */
  readonly rules?: readonly RegistryRule[];
}

/** An instance that traffic may be sent to. */
export function isServing(instance: Instance): boolean {
  return instance.weight > 0 && (instance.health === 'healthy' || instance.health === 'unknown');
}
