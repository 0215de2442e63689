import type { Locality } from '../../core/plugin/index.js';

/** `region/zone/subzone` as three parts, empty where unknown. */
export function parseLocality(text: string): Locality {
  const [region = '', zone = '', subzone = ''] = text.split('/');
  return { region, zone, subzone };
}

/**
 * The priority of each locality for clients in `preferred`: 0 for those that share the most with it, region first, then
 * zone, then sub-zone. Without gaps, as clients want them. All are 0 when nothing is preferred.
 */
export function priorities(localities: Iterable<string>, preferred: string | undefined): ReadonlyMap<string, number> {
  const all = [...localities];
  if (preferred === undefined) return new Map(all.map((locality) => [locality, 0]));
  const wanted = preferred.split('/').filter((part) => part !== '');
  const distances = new Map(
    all.map((locality) => [locality, wanted.length - sharedParts(locality.split('/'), wanted)]),
  );
  const ranks = [...new Set(distances.values())].sort((a, b) => a - b);
  return new Map([...distances].map(([locality, distance]) => [locality, ranks.indexOf(distance)]));
}

function sharedParts(parts: readonly string[], wanted: readonly string[]): number {
  const differing = wanted.findIndex((part, index) => parts[index] !== part);
  return differing < 0 ? wanted.length : differing;
}
