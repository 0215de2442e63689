import type { EncodedEndpoint } from './endpoint.js';

/** The endpoints of one locality, as they stand in an assignment. */
export interface LocalityEndpoints {
  /** `region/zone/subzone` */
  readonly locality: string;
  /** Of those that serve. */
  readonly weight: number;
  readonly endpoints: readonly EncodedEndpoint[];
  /** Their chunks, one after the other. */
  readonly bytes: Buffer;
}

/** @param before what the same was: bytes of endpoints that stand in a row as they did are taken from there */
export function groupByLocality(
  endpoints: readonly EncodedEndpoint[],
  before: readonly LocalityEndpoints[] = [],
): readonly LocalityEndpoints[] {
  const groups = new Map<string, EncodedEndpoint[]>();
  let group: EncodedEndpoint[] | undefined;
  let locality = '';
  for (const endpoint of endpoints) {
    if (group === undefined || endpoint.locality !== locality) {
      ({ locality } = endpoint);
      group = groups.get(locality) ?? [];
      groups.set(locality, group);
    }
    group.push(endpoint);
  }
  return [...groups].map(([name, members]) => {
    const known = before.find((each) => each.locality === name);
    return { locality: name, weight: servingWeight(members), endpoints: members, bytes: joinChunks(members, known) };
  });
}

function servingWeight(endpoints: readonly EncodedEndpoint[]): number {
  let sum = 0;
  for (const { serving, weight } of endpoints) if (serving) sum += weight;
  return sum;
}

/** To copy ten thousand chunks, one by one, takes milliseconds; those before and after what has changed are two pieces. */
function joinChunks(endpoints: readonly EncodedEndpoint[], before: LocalityEndpoints | undefined): Buffer {
  if (before === undefined) return Buffer.concat(endpoints.map(({ chunk }) => chunk));
  const { endpoints: old, bytes } = before;
  const most = Math.min(old.length, endpoints.length);
  let head = 0;
  let headBytes = 0;
  for (; head < most && endpoints[head] === old[head]; head++) headBytes += endpoints[head]?.chunk.length ?? 0;
  let tail = 0;
  let tailBytes = 0;
  for (; tail < most - head && endpoints.at(-1 - tail) === old.at(-1 - tail); tail++) {
    tailBytes += endpoints.at(-1 - tail)?.chunk.length ?? 0;
  }
  const changed = endpoints.slice(head, endpoints.length - tail).map(({ chunk }) => chunk);
  return Buffer.concat([bytes.subarray(0, headBytes), ...changed, bytes.subarray(bytes.length - tailBytes)]);
}
