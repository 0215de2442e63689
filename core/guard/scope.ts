import type { Service } from '../model/index.js';

/** The namespace or datacenter that a service belongs to, else empty: what a registry can lose by itself. */
export function scopeOf({ attributes }: Service): string {
  return attributes['namespace'] || attributes['datacenter'] || '';
}

/** What adapters call the scopes that cover a service, beside the empty one, which covers all. */
export function scopesOf({ name, attributes }: Service): ReadonlySet<string> {
  const { namespace = '', datacenter = '', group, application = '', interface: iface } = attributes;
  const scopes = new Set([name, `service ${name}`, namespace, datacenter, group, application, iface]);
  if (application !== '') scopes.add(`application ${application}`);
  if (namespace !== '') {
    scopes.add(`namespace ${namespace}`);
    scopes.add(`${datacenter} namespace ${namespace}`);
  }
  scopes.delete('');
  scopes.delete(undefined);
  return scopes as ReadonlySet<string>;
}

/** What is said of the scopes that cover a service. Looks at the service's scopes: those that fail may be a hundred thousand. */
export function ofCovering<T>(byScope: ReadonlyMap<string, T>, service: Service): readonly T[] {
  if (byScope.size === 0) return [];
  const found: T[] = [];
  for (const scope of ['', ...scopesOf(service)]) {
    const said = byScope.get(scope);
    if (said !== undefined) found.push(said);
  }
  return found;
}
