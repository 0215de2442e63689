import { createHash } from 'node:crypto';
import type { Instance, Metadata, Port } from '../model/index.js';
import type { Origin } from './catalog.js';

function sorted(record: Readonly<Record<string, string | number>>): (string | number)[] {
  return Object.keys(record)
    .sort()
    .flatMap((key) => [key, record[key] ?? '']);
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
  const hash = createHash('sha256');
  hash.update(
    JSON.stringify([host, ports.map(({ name, number, protocol }) => [name, number, protocol]), sorted(metadata)]),
  );
  for (const origin of origins) {
    hash.update(
      JSON.stringify([origin.source, origin.service, origin.active, origin.instances.map(canonicalInstance)]),
    );
  }
  return hash.digest().subarray(0, 16).toString('base64url');
}
