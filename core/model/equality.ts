import type { Instance, Locality, Metadata, Port, Service } from './service.js';

function sameRecord(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  if (a === b) return true;
  let count = 0;
  for (const key in a) {
    if (a[key] !== b[key]) return false;
    count++;
  }
  for (const _ in b) count--;
  return count === 0;
}

export function sameMetadata(a: Metadata, b: Metadata): boolean {
  return sameRecord(a, b);
}

function sameLocality(a: Locality | undefined, b: Locality | undefined): boolean {
  if (a === b) return true;
  if (!a || !b) return false;
  return a.region === b.region && a.zone === b.zone && a.subzone === b.subzone;
}

export function sameInstance(a: Instance, b: Instance): boolean {
  if (a === b) return true;
  return (
    a.id === b.id &&
    a.address === b.address &&
    a.health === b.health &&
    a.weight === b.weight &&
    a.network === b.network &&
    sameRecord(a.ports, b.ports) &&
    sameLocality(a.locality, b.locality) &&
    sameMetadata(a.metadata, b.metadata)
  );
}

/** Element by element; both in canonical order. */
export function sameInstances(a: readonly Instance[], b: readonly Instance[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  return a.every((instance, index) => {
    const other = b[index];
    return other !== undefined && sameInstance(instance, other);
  });
}

export function samePorts(a: readonly Port[], b: readonly Port[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  return a.every((port, index) => {
    const other = b[index];
    return port.name === other?.name && port.number === other.number && port.protocol === other.protocol;
  });
}

/** Whether two records of one service say the same. `rejected` and `rules` are a matter of status and do not count. */
export function sameService(a: Service, b: Service): boolean {
  if (a === b) return true;
  return (
    a.name === b.name &&
    samePorts(a.ports, b.ports) &&
    sameInstances(a.instances, b.instances) &&
    sameMetadata(a.metadata, b.metadata) &&
    sameMetadata(a.attributes, b.attributes)
  );
}
