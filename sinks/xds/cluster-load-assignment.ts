import { Locality } from '../../proto/gen/envoy_core.js';
import { encode, encodeMessage } from '../grpc/encode.js';
import { parseLocality, priorities } from './locality.js';
import type { LocalityEndpoints } from './locality-endpoints.js';
import { fieldHead } from './resource.js';

/**
 * Encodes a ClusterLoadAssignment of endpoints that are encoded already: a locality a group, in order of priority, then
 * of name. The weight of a locality is the sum of its serving endpoints', which proxyless gRPC shares traffic by.
 * @param name the assignment's, which clusters ask for it by
 * @param preferred locality of the clients, `region/zone/subzone`: nearer endpoints get a better priority
 */
export function encodeLoadAssignment(
  name: string,
  groups: readonly LocalityEndpoints[],
  preferred: string | undefined,
): Buffer {
  const priorityOf = priorities(
    groups.map(({ locality }) => locality),
    preferred,
  );
  const priority = ({ locality }: LocalityEndpoints) => priorityOf.get(locality) ?? 0;
  const ordered = [...groups].sort(
    (a, b) => priority(a) - priority(b) || (a.locality < b.locality ? -1 : a.locality > b.locality ? 1 : 0),
  );
  const parts: Buffer[] = [encode((writer) => writer.uint32(clusterNameTag).string(name))];
  for (const group of ordered) {
    const head = localityHead(group.locality);
    const tail = localityTail(group.weight, priority(group));
    parts.push(fieldHead(endpointsField, head.length + group.bytes.length + tail.length), head, group.bytes, tail);
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
