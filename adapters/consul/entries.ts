import { isRecord } from '../../core/model/is-record.js';
import { printable } from '../../core/model/printable.js';
import type { Rejection } from '../../core/plugin/index.js';
import { ConsulError } from './consul-error.js';

export type CheckStatus = 'passing' | 'warning' | 'critical' | 'maintenance';

export interface TaggedAddress {
  readonly address: string;
  /** 0 where only the address differs. */
  readonly port: number;
}

/** A service that a proxy declares to call. */
export interface Upstream {
  readonly service: string;
  /** Empty: the proxy's own. */
  readonly datacenter: string;
  readonly namespace: string;
}

/** One row of `/v1/health/service/<name>`, of the parts that are read, in Consul's own terms. */
export interface ServiceEntry {
  readonly node: string;
  readonly nodeAddress: string;
  readonly nodeAddresses: ReadonlyMap<string, TaggedAddress>;
  readonly nodeMeta: ReadonlyMap<string, string>;
  readonly datacenter: string;
  /** Empty for an ordinary service; `connect-proxy`, `mesh-gateway` and others are Consul's own mesh. */
  readonly kind: string;
  /** The service that a proxy stands before; empty for others. */
  readonly proxied: string;
  readonly upstreams: readonly Upstream[];
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly addresses: ReadonlyMap<string, TaggedAddress>;
  /** Of the instance, else of its node (Consul 1.17); empty texts where it says nothing. */
  readonly locality: { readonly region: string; readonly zone: string };
  readonly tags: readonly string[];
  readonly meta: ReadonlyMap<string, string>;
  readonly weights: { readonly passing: number; readonly warning: number };
  /** The worst of the instance's own checks and its node's; an instance with none is `passing`, as Consul has it. */
  readonly status: CheckStatus;
}

export interface DecodedEntries {
  readonly entries: readonly ServiceEntry[];
  readonly rejected: readonly Rejection[];
}

const maxEntries = 100_000;
const maxTextLength = 1024;
const maxListLength = 1024;

/**
 * Rows of `/v1/health/service/<name>` from JSON. A row that is not as it should be is left out alone, with the reason.
 * @throws ConsulError `malformed` when it is no list, or too long a one
 */
export function decodeEntries(body: unknown): DecodedEntries {
  const rows = asRows(body, 'instances');
  if (rows.length > maxEntries) throw new ConsulError('malformed', `a service of more than ${maxEntries} instances`);
  const entries: ServiceEntry[] = [];
  const rejected: Rejection[] = [];
  for (const row of rows) {
    try {
      entries.push(decodeEntry(row));
    } catch (error) {
      if (!(error instanceof BadRecord)) throw error;
      rejected.push({ record: recordName(row), reason: error.message });
    }
  }
  return { entries, rejected };
}

/** A list of rows; Go writes an empty one as `null`. @throws ConsulError `malformed` */
export function asRows(body: unknown, what: string): readonly unknown[] {
  if (body === null) return [];
  if (!Array.isArray(body)) throw new ConsulError('malformed', `an answer that is no list of ${what}`);
  return body;
}

class BadRecord extends Error {}

function decodeEntry(row: unknown): ServiceEntry {
  const node = part(row, 'Node');
  const service = part(row, 'Service');
  const weights = service['Weights'] === undefined || service['Weights'] === null ? {} : part(service, 'Weights');
  return {
    node: text(node, 'Node', 'required'),
    nodeAddress: text(node, 'Address'),
    nodeAddresses: taggedAddresses(node),
    nodeMeta: textMap(node, 'Meta'),
    datacenter: text(node, 'Datacenter'),
    kind: text(service, 'Kind'),
    ...proxyOf(service),
    id: text(service, 'ID', 'required'),
    address: text(service, 'Address'),
    port: whole(service, 'Port', 0),
    addresses: taggedAddresses(service),
    locality: localityOf(service) ?? localityOf(node) ?? { region: '', zone: '' },
    tags: texts(service, 'Tags'),
    meta: textMap(service, 'Meta'),
    weights: { passing: whole(weights, 'Passing', 1), warning: whole(weights, 'Warning', 1) },
    status: worstStatus(isRecord(row) ? row['Checks'] : undefined),
  };
}

/** Consul's own order; maintenance is a critical check that an operator set, and outweighs the others. */
function worstStatus(checks: unknown): CheckStatus {
  if (checks === undefined || checks === null) return 'passing';
  if (!Array.isArray(checks)) throw new BadRecord('Checks is no list');
  let worst: CheckStatus = 'passing';
  for (const check of checks) {
    if (!isRecord(check)) throw new BadRecord('a check is no record');
    const status = text(check, 'Status', 'required');
    const id = text(check, 'CheckID');
    if (status === 'passing') continue;
    if (status !== 'warning' && status !== 'critical') throw new BadRecord('a check has an unknown status');
    if (status === 'critical' && isMaintenance(id)) return 'maintenance';
    if (worst !== 'critical') worst = status;
  }
  return worst;
}

/** Maintenance mode of a node, or of one service on it, is a check with this id (Consul, `structs.NodeMaint`). */
function isMaintenance(checkId: string): boolean {
  return checkId === '_node_maintenance' || checkId.startsWith('_service_maintenance:');
}

function part(record: unknown, key: string): Readonly<Record<string, unknown>> {
  const value = isRecord(record) ? record[key] : undefined;
  if (!isRecord(value)) throw new BadRecord(`${key} is missing`);
  return value;
}

function text(record: Readonly<Record<string, unknown>>, key: string, need?: 'required'): string {
  const value = record[key] ?? '';
  if (typeof value !== 'string') throw new BadRecord(`${key} is no text`);
  if (value.length > maxTextLength) throw new BadRecord(`${key} is too long`);
  if (value === '' && need) throw new BadRecord(`${key} is empty`);
  return value;
}

function whole(record: Readonly<Record<string, unknown>>, key: string, missing: number): number {
  const value = record[key] ?? missing;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw new BadRecord(`${key} is no whole number from 0`);
  }
  return value;
}

function texts(record: Readonly<Record<string, unknown>>, key: string): readonly string[] {
  const value = record[key] ?? [];
  if (!Array.isArray(value) || value.length > maxListLength || !value.every((item) => typeof item === 'string')) {
    throw new BadRecord(`${key} is no short list of texts`);
  }
  return value as string[];
}

/** Values that are no text are left out: metadata is not worth an instance. */
function textMap(record: Readonly<Record<string, unknown>>, key: string): ReadonlyMap<string, string> {
  const value = record[key];
  const map = new Map<string, string>();
  if (!isRecord(value)) return map;
  for (const [name, item] of Object.entries(value)) {
    if (typeof item === 'string' && map.size < maxListLength) map.set(name, item);
  }
  return map;
}

/** Of a service `{ "lan": { "Address": "10.0.0.1", "Port": 80 } }`, of a node `{ "lan": "10.0.0.1" }`. */
function taggedAddresses(record: Readonly<Record<string, unknown>>): ReadonlyMap<string, TaggedAddress> {
  const addresses = new Map<string, TaggedAddress>();
  const tagged = record['TaggedAddresses'];
  if (!isRecord(tagged)) return addresses;
  for (const [tag, value] of Object.entries(tagged)) {
    if (addresses.size >= maxListLength) break;
    if (typeof value === 'string') addresses.set(tag, { address: value, port: 0 });
    else if (isRecord(value) && typeof value['Address'] === 'string') {
      addresses.set(tag, { address: value['Address'], port: typeof value['Port'] === 'number' ? value['Port'] : 0 });
    }
  }
  return addresses;
}

function localityOf(record: Readonly<Record<string, unknown>>): ServiceEntry['locality'] | undefined {
  const locality = record['Locality'];
  if (!isRecord(locality)) return undefined;
  const { Region: region = '', Zone: zone = '' } = locality;
  return typeof region === 'string' && typeof zone === 'string' && region !== '' ? { region, zone } : undefined;
}

/** An upstream that is not as it should be is no reason to leave anything out. */
function proxyOf(service: Readonly<Record<string, unknown>>): Pick<ServiceEntry, 'proxied' | 'upstreams'> {
  const proxy = service['Proxy'];
  if (!isRecord(proxy)) return { proxied: '', upstreams: [] };
  const { DestinationServiceName: proxied = '', Upstreams: declared } = proxy;
  const upstreams: Upstream[] = [];
  for (const upstream of Array.isArray(declared) ? declared.slice(0, maxListLength) : []) {
    if (!isRecord(upstream) || (upstream['DestinationType'] ?? 'service') !== 'service') continue;
    const { DestinationName: name, Datacenter: datacenter = '', DestinationNamespace: namespace = '' } = upstream;
    if (typeof name !== 'string' || name === '') continue;
    // A cluster that this one peers with is another registry.
    if ((upstream['DestinationPeer'] ?? '') !== '') continue;
    if (typeof datacenter !== 'string' || typeof namespace !== 'string') continue;
    upstreams.push({ service: name, datacenter, namespace });
  }
  return { proxied: typeof proxied === 'string' ? proxied : '', upstreams };
}

/** Node and id alone: metadata may hold what is not for a log. */
function recordName(row: unknown): string {
  const name = (key: string, field: string) => {
    const value = isRecord(row) && isRecord(row[key]) ? row[key][field] : undefined;
    return typeof value === 'string' && value !== '' ? value : '?';
  };
  return printable(`${name('Node', 'Node')}/${name('Service', 'ID')}`);
}
