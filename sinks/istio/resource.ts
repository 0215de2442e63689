import { createHash } from 'node:crypto';
import type { CatalogService } from '../../core/catalog/catalog.js';
import { Any } from '../../proto/gen/any.js';
import { Resource } from '../../proto/gen/mcp.js';
import { ServiceEntry } from '../../proto/gen/service_entry.js';
import { encode } from '../grpc/encode.js';
import type { NamedEntry } from './service-entry.js';
import type { ServiceSettings } from './settings.js';

export const resourceTypeUrl = 'type.googleapis.com/istio.mcp.v1alpha1.Resource';
export const serviceEntryTypeUrl = 'type.googleapis.com/istio.networking.v1alpha3.ServiceEntry';
export const sourcesAnnotation = 'isthmus.io/sources';

/** 2020-01-01T00:00:00Z for all: istiod makes a full push when it changes, and orders resources of one host by it. */
const createTime = { seconds: 1_577_836_800, nanos: 0 };

/** Field 2, length-delimited: `DiscoveryResponse.resources`. */
const resourcesTag = (2 << 3) | 2;

/** One resource as it stands in a response. */
export interface EncodedResource {
  /** `namespace/name`, as its readers know it. */
  readonly name: string;
  /** Content hash, equal on every replica and after every restart: 22 characters of base64url. */
  readonly version: string;
  /** Tag, length and bytes of one entry of `DiscoveryResponse.resources`, to be spliced. */
  readonly chunk: Buffer;
}

/** The google.protobuf.Any within a chunk, to be spliced into other messages; no copy. */
export function anyOf({ chunk }: EncodedResource): Buffer {
  let start = 1; // the tag
  while (((chunk[start] ?? 0) & 128) !== 0) start++;
  return chunk.subarray(start + 1);
}

/** Encodes a ServiceEntry of `service` as an MCP resource. @param labels of the resource, sorted by key */
export function encodeServiceEntry(
  service: CatalogService,
  { name, entry }: NamedEntry,
  { namespace }: Pick<ServiceSettings, 'namespace'>,
  labels: Readonly<Record<string, string>>,
): EncodedResource {
  return encodeResource({
    name: `${namespace}/${name}`,
    labels,
    annotations: { [sourcesAnnotation]: activeSources(service).join(',') },
    body: { typeUrl: serviceEntryTypeUrl, value: encode((writer) => ServiceEntry.encode(entry, writer)) },
  });
}

/** What makes an MCP resource. */
export interface ResourceParts {
  /** `namespace/name` */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly body: { readonly typeUrl: string; readonly value: Buffer };
}

/** Encodes an MCP resource. */
export function encodeResource({ name, labels, annotations, body }: ResourceParts): EncodedResource {
  const isLabelled = Object.keys(labels).length > 0;
  const version = createHash('sha256')
    .update(JSON.stringify(isLabelled ? [name, annotations, labels] : [name, annotations]))
    .update(body.value)
    .digest()
    .subarray(0, 16)
    .toString('base64url');
  const metadata = { name, createTime, version, labels: { ...labels }, annotations: { ...annotations } };
  const value = encode((writer) => Resource.encode({ metadata, body: { ...body } }, writer));
  const chunk = encode((writer) => {
    Any.encode({ typeUrl: resourceTypeUrl, value }, writer.uint32(resourcesTag).fork()).join();
  });
  return { name, version, chunk };
}

function activeSources(service: CatalogService): string[] {
  const sources = service.origins.filter((origin) => origin.active).map((origin) => origin.source);
  return [...new Set(sources)].sort();
}
