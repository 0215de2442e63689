import type { z } from 'zod';
import { checkAddress } from '../../core/model/address.js';
import { type Instance, metadataFrom, printable, type Rejection, type Service } from '../../core/plugin/index.js';
import { documentSchema, type InstanceEntry, instanceSchema, type ServiceEntry } from './document.js';

/** A document that says something else than services; the whole of it is not used. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';
}

const shownIssues = 5;
const maxRejections = 100;

/**
 * The services of a document, as parsed from YAML or JSON.
 * @throws DocumentError with the place of what is wrong. A bad instance throws nothing: it is left out alone.
 */
export function convertDocument(document: unknown): Service[] {
  const parsed = documentSchema.safeParse(document);
  if (!parsed.success) throw new DocumentError(describeIssues(parsed.error.issues));
  const services = new Map<string, Service>();
  for (const [index, entry] of parsed.data.services.entries()) {
    if (services.has(entry.name)) {
      throw new DocumentError(`services[${index}]: another service is named ${printable(entry.name)} too`);
    }
    services.set(entry.name, convertService(entry));
  }
  return [...services.values()];
}

function convertService(entry: ServiceEntry): Service {
  const instances = new Map<string, Instance>();
  const rejected: Rejection[] = [];
  for (const [index, value] of entry.instances.entries()) {
    const instance = convertInstance(value, entry);
    const reason =
      typeof instance === 'string'
        ? instance
        : instances.has(instance.id)
          ? 'another instance of the service has this id'
          : undefined;
    if (reason !== undefined) rejected.push({ record: labelOf(value, index), reason: printable(reason) });
    else if (typeof instance !== 'string') instances.set(instance.id, instance);
  }
  return {
    name: entry.name,
    attributes: metadataFrom([['name', entry.name]]),
    ports: entry.ports,
    instances: [...instances.values()],
    metadata: metadataFrom(Object.entries(entry.metadata)),
    ...(rejected.length > 0 && { rejected: shorten(rejected) }),
  };
}

/** @returns the instance, or the reason why it is none */
function convertInstance(value: unknown, service: ServiceEntry): Instance | string {
  const parsed = instanceSchema.safeParse(value);
  if (!parsed.success) return describeIssues(parsed.error.issues);
  const entry = parsed.data;
  const address = checkAddress(entry.address);
  if (!address.ok) return address.reason;
  const ports = portsOf(entry, service);
  if (typeof ports === 'string') return ports;
  const [firstPort] = Object.values(ports);
  return {
    id: entry.id ?? `${address.address}:${firstPort}`,
    address: address.address,
    ports,
    health: entry.health,
    weight: entry.weight,
    ...(entry.locality && { locality: entry.locality }),
    ...(entry.network !== undefined && { network: entry.network }),
    metadata: metadataFrom(Object.entries(entry.metadata)),
  };
}

function portsOf(entry: InstanceEntry, service: ServiceEntry): Record<string, number> | string {
  if ((entry.port === undefined) === (entry.ports === undefined)) return 'give one of port and ports';
  const names = service.ports.map(({ name }) => name);
  if (entry.port !== undefined) {
    const [only, second] = names;
    if (only === undefined || second !== undefined) return 'the service has several ports; give them by name in ports';
    return { [only]: entry.port };
  }
  const ports: Record<string, number> = {};
  for (const [name, number] of Object.entries(entry.ports ?? {})) {
    if (!names.includes(name)) return `the service has no port ${name}`;
    ports[name] = number;
  }
  return Object.keys(ports).length === 0 ? 'the instance has no port' : ports;
}

function labelOf(value: unknown, index: number): string {
  const record = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  const label = [record['id'], record['address']].find((part) => typeof part === 'string' && part !== '');
  return printable(label === undefined ? `instances[${index}]` : `instances[${index}] ${label}`);
}

function shorten(rejected: readonly Rejection[]): readonly Rejection[] {
  if (rejected.length <= maxRejections) return rejected;
  const more = { record: '…', reason: `${rejected.length - maxRejections} more records were left out` };
  return [...rejected.slice(0, maxRejections), more];
}

function describeIssues(issues: readonly z.core.$ZodIssue[]): string {
  const shown = issues.slice(0, shownIssues).map(({ path, message }) => {
    const place = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
    return place === '' ? message : `${place.replace(/^\./, '')}: ${message}`;
  });
  const rest = issues.length - shown.length;
  return printable(`${shown.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`);
}
