import { checkPort, isRecord } from '../../core/plugin/index.js';
import { redacted } from './secrets.js';

/** One service on one protocol that an application exports (Dubbo's `MetadataInfo.ServiceInfo`). */
export interface ServiceInfo {
  readonly interfaceName: string;
  readonly group: string;
  readonly version: string;
  /** As written, also one that the catalog does not take. */
  readonly protocol: string;
  /** undefined in 3.0, which does not say: then it is the instance's endpoint of that protocol. */
  readonly port: number | undefined;
  readonly path: string;
  /** As they stand; may hold credentials, so it must pass {@link ParameterReader.of} before it is shown. */
  readonly params: readonly (readonly [string, string])[];
}

/** What all instances of an application with one revision export (Dubbo's `MetadataInfo`). */
export interface MetadataInfo {
  readonly application: string;
  readonly revision: string;
  readonly services: readonly ServiceInfo[];
}

/** Metadata that cannot be had or read; the message holds no secret and can be shown. */
export class MetadataError extends Error {
  override readonly name = 'MetadataError';
}

export const metadataLimits = {
  services: 10_000,
  /** Of one service. */
  params: 1024,
  /** Of all services: Hessian can refer to one map ten thousand times. */
  allParams: 500_000,
  textLength: 65_536,
  reportLength: 16_777_216,
} as const;

/**
 * The metadata report's entry for (application, revision), the same JSON in ZooKeeper
 * (`<root>/metadata/<application>/<revision>`) and Nacos (group = revision, dataId = application).
 * @throws MetadataError when it is not that
 */
export function parseMetadataReport(text: string, application: string, revision: string): MetadataInfo {
  if (text.length > metadataLimits.reportLength) throw new MetadataError('the metadata report is longer than 16 MiB');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MetadataError('the metadata report is no JSON');
  }
  return metadataInfoFrom(value, application, revision);
}

/**
 * From what a report or a MetadataService said: `{ app, revision, services: { key: { name, group, version, protocol,
 * port, path, params } } }`.
 * @throws MetadataError when it is not that, or of another revision than was asked
 */
export function metadataInfoFrom(value: unknown, application: string, revision: string): MetadataInfo {
  if (!isRecord(value)) throw new MetadataError(`revision ${revision} is not known there`);
  const found = value['revision'] ?? value['version'];
  if (found !== revision) {
    const shown = typeof found === 'string' ? redacted(found.slice(0, 64)) : 'none';
    throw new MetadataError(`revision ${revision} was asked for, and ${shown} came back`);
  }
  if (!isRecord(value['services'])) throw new MetadataError('the metadata have no services');
  const entries = Object.values(value['services']);
  if (entries.length > metadataLimits.services) {
    throw new MetadataError(`the metadata have more than ${metadataLimits.services} services`);
  }
  let params = 0;
  // Hessian can refer to one map from each service, and to go through a large one takes long.
  const known = new Map<unknown, ServiceInfo['params']>();
  const services = entries.map((entry) => {
    const service = serviceInfoFrom(entry, known);
    params += service.params.length;
    if (params > metadataLimits.allParams)
      throw new MetadataError('the services of the metadata have too many parameters');
    return service;
  });
  return { application, revision, services };
}

function serviceInfoFrom(entry: unknown, known: Map<unknown, ServiceInfo['params']>): ServiceInfo {
  if (!isRecord(entry)) throw new MetadataError('a service of the metadata is no object');
  const { port, params: said } = entry;
  const params = known.get(said) ?? paramsOf(said);
  known.set(said, params);
  const checked = checkPort(typeof port === 'number' ? port : 0);
  const name = textOf(entry['name']);
  if (name === '') throw new MetadataError('a service of the metadata has no name');
  return {
    interfaceName: name,
    group: textOf(entry['group']),
    version: textOf(entry['version']),
    protocol: textOf(entry['protocol']),
    port: checked.ok ? checked.port : undefined,
    path: textOf(entry['path']) || name,
    params,
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' && value.length <= metadataLimits.textLength ? value : '';
}

function paramsOf(value: unknown): ServiceInfo['params'] {
  if (!isRecord(value)) return [];
  const params: [string, string][] = [];
  for (const key in value) {
    const text = value[key];
    if (typeof text !== 'string' || text.length > metadataLimits.textLength) continue;
    if (params.length >= metadataLimits.params) break;
    params.push([key, text]);
  }
  return params;
}
