import { hash } from 'node:crypto';
import type { Instance, Metadata, Port } from '../model/index.js';
import type { Origin } from './catalog.js';

/** Keys and values by key. Most records are in order: registries write them so, and then they need no sorting. */
function sorted(record: Readonly<Record<string, string | number>>): (string | number)[] {
  const flat: (string | number)[] = [];
  let last = '';
  for (const key of Object.keys(record)) {
    if (key < last) return Object.entries(record).sort(byKey).flat();
    flat.push(key, record[key] ?? '');
    last = key;
  }
  return flat;
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function canonicalInstance(instance: Instance): unknown[] {
  const { region = '', zone = '', subzone = '' } = instance.locality ?? {};
  return [
    instance.id,
    instance.address,
    sorted(instance.ports),
    instance.health,
    instance.weight,
    [region, zone, subzone],
    instance.network ?? '',
    sorted(instance.metadata),
  ];
}

/**
 * 22 characters of base64url: SHA-256, cut to 128 bits, of the content in a canonical order. Equal content gives an
 * equal hash on every replica and after every restart.
 */
export function contentHash(
  host: string,
  ports: readonly Port[],
  metadata: Metadata,
  origins: readonly Origin[],
): string {
  const head = [host, ports.map(({ name, number, protocol }) => [name, number, protocol]), sorted(metadata)];
  let text = JSON.stringify(head);
  for (const { source, service, active, instances } of origins) {
    text += JSON.stringify([source, service, active, instances.map(canonicalInstance)]);
  }
  return hash('sha256', text, 'buffer').subarray(0, 16).toString('base64url');
}
