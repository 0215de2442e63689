import {
  bareRecord,
  emptyMetadata,
  type Instance,
  isServing,
  type Metadata,
  type Port,
  type Service,
} from '../model/index.js';
import type { CatalogService, Origin } from './catalog.js';
import { contentHash } from './content-hash.js';

/** What to do when several sources have one host. */
export type MergePolicy =
  /** All instances of all sources. */
  | { readonly mode: 'union' }
  /** The first source that has an instance to serve with; sources that are not listed come after those that are. */
  | { readonly mode: 'prefer'; readonly sources: readonly string[] }
  /** The first source alone, and the clash is reported. */
  | { readonly mode: 'refuse' };

/** One source's service of a host. */
export interface Contribution {
  readonly source: string;
  readonly service: Service;
}

export interface MergeResult {
  readonly service: CatalogService;
  /** What could not be merged, for the status; empty when all is well. */
  readonly clashes: readonly string[];
}

/**
 * Merges what sources say of one host. Pure: the result depends on the arguments alone.
 * @param contributions at least one, one a source, in the configuration's order of sources
 */
export function mergeHost(host: string, contributions: readonly Contribution[], policy: MergePolicy): MergeResult {
  const clashes: string[] = [];
  const ordered = policy.mode === 'prefer' ? byPreference(contributions, policy.sources) : contributions;
  const active = activeSources(host, ordered, policy, clashes);
  const ports = mergePorts(ordered, clashes);
  const metadata = mergeMetadata(ordered);
  const origins = toOrigins(ordered, active);
  return { service: new MergedService(host, ports, metadata, origins), clashes };
}

/** The version is made when somebody asks: not every reader does, and hashing everything at start costs. */
class MergedService implements CatalogService {
  #version: string | undefined;

  constructor(
    readonly host: string,
    readonly ports: readonly Port[],
    readonly metadata: Metadata,
    readonly origins: readonly Origin[],
  ) {}

  get version(): string {
    this.#version ??= contentHash(this.host, this.ports, this.metadata, this.origins);
    return this.#version;
  }
}

function byPreference(contributions: readonly Contribution[], sources: readonly string[]): readonly Contribution[] {
  const rank = (source: string) => {
    const index = sources.indexOf(source);
    return index < 0 ? sources.length : index;
  };
  return [...contributions].sort((a, b) => rank(a.source) - rank(b.source));
}

function activeSources(
  host: string,
  ordered: readonly Contribution[],
  policy: MergePolicy,
  clashes: string[],
): ReadonlySet<string> {
  const [first] = ordered;
  if (!first) throw new Error(`no contribution for ${host}`);
  if (policy.mode === 'union' || ordered.length === 1) return new Set(ordered.map(({ source }) => source));
  if (policy.mode === 'prefer') {
    const serving = ordered.find(({ service }) => service.instances.some(isServing));
    return new Set([(serving ?? first).source]);
  }
  const others = ordered.slice(1).map(({ source }) => source);
  clashes.push(`${first.source} and ${others.join(', ')} have this host; ${first.source} alone is published`);
  return new Set([first.source]);
}

/** Ports of all origins, standby or not: a fallback changes endpoints and nothing else. The first to name a port wins. */
function mergePorts(ordered: readonly Contribution[], clashes: string[]): readonly Port[] {
  const [only] = ordered;
  if (ordered.length === 1 && only) return only.service.ports;
  const byName = new Map<string, Port>();
  const numbers = new Map<number, Port>();
  for (const { source, service } of ordered) {
    for (const port of service.ports) {
      const known = byName.get(port.name);
      if (known) {
        if (known.protocol !== port.protocol) {
          clashes.push(`${source} has port ${port.name} as ${port.protocol}, published as ${known.protocol}`);
        }
        continue;
      }
      const holder = numbers.get(port.number);
      if (holder) {
        clashes.push(`port ${port.number} is ${holder.name}; ${source} has ${port.name} on it, which is left out`);
        continue;
      }
      byName.set(port.name, port);
      numbers.set(port.number, port);
    }
  }
  return [...byName.values()].sort((a, b) => a.number - b.number);
}

function mergeMetadata(ordered: readonly Contribution[]): Metadata {
  const [only] = ordered;
  if (ordered.length === 1 && only) return only.service.metadata;
  const merged = bareRecord();
  let any = false;
  for (const { service } of ordered) {
    for (const [key, value] of Object.entries(service.metadata)) {
      if (key in merged) continue;
      merged[key] = value;
      any = true;
    }
  }
  return any ? merged : emptyMetadata;
}

function toOrigins(ordered: readonly Contribution[], active: ReadonlySet<string>): readonly Origin[] {
  const owners = active.size > 1 ? ownersOf(ordered.filter(({ source }) => active.has(source))) : undefined;
  const keep = (instance: Instance) => owners?.get(endpointKey(instance)) === instance;
  return ordered.map(({ source, service }) => ({
    source,
    service: service.name,
    attributes: service.attributes,
    active: active.has(source),
    instances: owners && active.has(source) ? service.instances.filter(keep) : service.instances,
  }));
}

/**
 * Endpoint → the one of its records that counts: the first that can serve, or the first. A process that is healthy in
 * one registry is not lost because it is switched off, or not yet known to be alive, in another.
 */
function ownersOf(contributions: readonly Contribution[]): ReadonlyMap<string, Instance> {
  const owners = new Map<string, Instance>();
  for (const { service } of contributions) {
    for (const instance of service.instances) {
      const key = endpointKey(instance);
      const known = owners.get(key);
      if (!known || (!isServing(known) && isServing(instance))) owners.set(key, instance);
    }
  }
  return owners;
}

/** One process registered in two registries is one endpoint. */
function endpointKey({ address, ports }: Instance): string {
  const numbers = Object.values(ports).sort((a, b) => a - b);
  return `${address}|${numbers.join(',')}`;
}
