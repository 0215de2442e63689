import { Locality } from '../../proto/gen/envoy_core.js';
import { encode, encodeMessage } from '../grpc/encode.js';
import type { EncodedEndpoint } from './endpoint.js';
import { parseLocality, priorities } from './locality.js';
import { fieldHead } from './resource.js';

interface LocalityGroup {
  readonly locality: string;
  readonly chunks: Buffer[];
  byteLength: number;
  /** Of those that serve. */
  weight: number;
}

/**
 * Encodes a ClusterLoadAssignment of endpoints that are encoded already: a locality a group, in order of priority, then
 * of name. The weight of a locality is the sum of its serving endpoints', which proxyless gRPC shares traffic by.
 * @param name the assignment's, which clusters ask for it by
 * @param preferred locality of the clients, `region/zone/subzone`: nearer endpoints get a better priority
 */
export function encodeLoadAssignment(
  name: string,
  endpoints: readonly EncodedEndpoint[],
  preferred: string | undefined,
): Buffer {
  const groups = groupByLocality(endpoints);
  const priorityOf = priorities(groups.keys(), preferred);
  const priority = ({ locality }: LocalityGroup) => priorityOf.get(locality) ?? 0;
  const ordered = [...groups.values()].sort(
    (a, b) => priority(a) - priority(b) || (a.locality < b.locality ? -1 : a.locality > b.locality ? 1 : 0),
  );
  const parts: Buffer[] = [encode((writer) => writer.uint32(clusterNameTag).string(name))];
  for (const group of ordered) {
    const head = localityHead(group.locality);
    const tail = localityTail(group.weight, priority(group));
    parts.push(fieldHead(endpointsField, head.length + group.byteLength + tail.length), head, ...spread(group), tail);
  }
  return Buffer.concat(parts);
}

const clusterNameTag = (1 << 3) | 2;
const endpointsField = 2;
const localityField = 1;
const weightTag = (3 << 3) | 2;
/** Of google.protobuf.UInt32Value. */
const valueTag = 1 << 3;
const priorityTag = 5 << 3;

function groupByLocality(endpoints: readonly EncodedEndpoint[]): Map<string, LocalityGroup> {
  const groups = new Map<string, LocalityGroup>();
  for (const { locality, chunk, weight, serving } of endpoints) {
    let group = groups.get(locality);
    if (group === undefined) {
      group = { locality, chunks: [], byteLength: 0, weight: 0 };
      groups.set(locality, group);
    }
    group.chunks.push(chunk);
    group.byteLength += chunk.length;
    if (serving) group.weight += weight;
  }
  return groups;
}

/** Arguments of a call are limited: a group of a hundred thousand is one buffer. */
function spread({ chunks, byteLength }: LocalityGroup): readonly Buffer[] {
  return chunks.length > 1000 ? [Buffer.concat(chunks, byteLength)] : chunks;
}

function localityHead(locality: string): Buffer {
  const { region, zone, subzone } = parseLocality(locality);
  const message = encodeMessage(Locality, { region, zone, subZone: subzone });
  return Buffer.concat([fieldHead(localityField, message.length), message]);
}

function localityTail(weight: number, priority: number): Buffer {
  return encode((writer) => {
    if (weight > 0) writer.uint32(weightTag).fork().uint32(valueTag).uint32(weight).join();
    if (priority > 0) writer.uint32(priorityTag).uint32(priority);
  });
}
