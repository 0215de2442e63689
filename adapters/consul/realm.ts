import type { ConsulConfig } from './config.js';
import { DeclaredProtocols } from './declared-protocols.js';
import type { Upstream } from './entries.js';
import type { PublishedDatacenter } from './publication.js';
import { Published } from './published.js';

/** A namespace of a datacenter: what one session reads, and what is known of it over sessions. */
export interface Realm extends PublishedDatacenter {
  /** As they are asked for; undefined: the agent's own, the token's own. */
  readonly datacenter: string | undefined;
  readonly namespace: string | undefined;
  /** What its services' names carry; both are empty at home. */
  readonly suffix: RealmName;
  readonly declared: DeclaredProtocols;
}

export interface RealmName {
  readonly datacenter: string;
  readonly namespace: string;
}

/** The first of the datacenters and the first of the namespaces are home. */
export function realmsOf(config: ConsulConfig): readonly Realm[] {
  const datacenters = config.datacenters.length === 0 ? [undefined] : config.datacenters;
  const namespaces = config.namespaces.length === 0 ? [undefined] : config.namespaces;
  const isOnly = datacenters.length * namespaces.length === 1;
  return datacenters.flatMap((datacenter, dc) =>
    namespaces.map((namespace, ns) => ({
      datacenter,
      namespace,
      suffix: { datacenter: dc === 0 ? '' : (datacenter ?? ''), namespace: ns === 0 ? '' : (namespace ?? '') },
      scope: isOnly ? undefined : scopeOf(datacenter, namespaces.length > 1 ? namespace : undefined),
      published: new Published(config.forgetEmptyAfterMs),
      declared: new DeclaredProtocols(),
    })),
  );
}

function scopeOf(datacenter: string | undefined, namespace: string | undefined): string {
  const parts = [
    ...(datacenter === undefined ? [] : [datacenter]),
    ...(namespace === undefined ? [] : [`namespace ${namespace}`]),
  ];
  return parts.join(' ');
}

/** Unique over the source: two datacenters may both have `web`, and so may two namespaces. */
export function publishedName(name: string, { datacenter, namespace }: RealmName): string {
  return `${namespace === '' ? '' : `${namespace}/`}${name}${datacenter === '' ? '' : `@${datacenter}`}`;
}

/**
 * The catalog's name of a service that a proxy in `realm` calls; undefined when its datacenter or namespace is not read.
 * @param ownDatacenter the proxy's, as Consul names it
 */
export function upstreamName(
  { service, datacenter, namespace }: Upstream,
  ownDatacenter: string,
  realm: Realm,
  config: Pick<ConsulConfig, 'datacenters' | 'namespaces'>,
): string | undefined {
  const isOwn = datacenter === '' || datacenter === ownDatacenter;
  const inDatacenter = isOwn ? realm.suffix.datacenter : suffixIn(config.datacenters, datacenter);
  const inNamespace =
    namespace === '' || namespace === realm.namespace ? realm.suffix.namespace : suffixIn(config.namespaces, namespace);
  if (inDatacenter === undefined || inNamespace === undefined) return undefined;
  return publishedName(service, { datacenter: inDatacenter, namespace: inNamespace });
}

/** An open-source Consul calls its only namespace `default`. */
function suffixIn(names: readonly string[], name: string): string | undefined {
  if (names.length === 0 && name === 'default') return '';
  const index = names.indexOf(name);
  if (index < 0) return undefined;
  return index === 0 ? '' : name;
}
