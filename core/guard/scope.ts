import type { Service } from '../model/index.js';

/** The namespace or datacenter that a service belongs to, else empty: what a registry can lose by itself. */
export function scopeOf({ attributes }: Service): string {
  return attributes['namespace'] || attributes['datacenter'] || '';
}

/** Whether a scope that an adapter named as degraded covers a service; the empty scope covers all. */
export function scopeCovers(scope: string, service: Service): boolean {
  if (scope === '' || scope === service.name || scope === `service ${service.name}`) return true;
  const { namespace, datacenter, group, application, interface: iface } = service.attributes;
  return scope !== '' && [namespace, datacenter, group, application, iface].includes(scope);
}
