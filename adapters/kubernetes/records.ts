import { field, isMarked, listOf, metaOf, stringsOf, textOf } from '../../clients/kubernetes/index.js';
import { isCredential, isRecord, type Metadata, metadataFrom } from '../../core/plugin/index.js';

/** What is kept of a Service. */
export interface ServiceRecord {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  readonly labels: Metadata;
  /** Annotations of ours, without their prefix. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePortRecord[];
  /** `IPv4`, `IPv6`, the primary one first; empty when the API does not say. */
  readonly ipFamilies: readonly string[];
  /** Of a Service of type ExternalName; empty for others. */
  readonly externalName: string;
}

export interface ServicePortRecord {
  /** Empty for the only one. */
  readonly name: string;
  readonly number: number;
  /** `TCP`, `UDP`, `SCTP`. */
  readonly transport: string;
  readonly appProtocol: string;
}

/** What is kept of an EndpointSlice. */
export interface SliceRecord {
  readonly resourceVersion: string;
  /** `namespace/name` of its Service. */
  readonly service: string;
  /** `IPv4`, `IPv6`, `FQDN`. */
  readonly addressType: string;
  readonly ports: readonly { readonly name: string; readonly number: number; readonly transport: string }[];
  readonly endpoints: readonly EndpointRecord[];
}

export interface EndpointRecord {
  readonly address: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zone: string;
  readonly node: string;
  /** Name of the pod; empty for what is none. */
  readonly pod: string;
}

const annotationPrefix = 'isthmus.io/';
const maxPorts = 100;

/** Reads a Service; undefined for what is none, or what Isthmus itself wrote. */
export function decodeService(object: unknown): ServiceRecord | undefined {
  const meta = metaOf(object);
  if (!meta || isMarked(meta.labels)) return undefined;
  const spec = field(object, 'spec');
  const own = Object.entries(meta.annotations).filter(([key]) => key.startsWith(annotationPrefix));
  return {
    ...{ namespace: meta.namespace, name: meta.name, resourceVersion: meta.resourceVersion },
    labels: metadataFrom(Object.entries(meta.labels).filter(([key, value]) => !isCredential(key, value))),
    annotations: stringsOf(Object.fromEntries(own.map(([key, value]) => [key.slice(annotationPrefix.length), value]))),
    ports: listOf(spec, 'ports').slice(0, maxPorts).map(decodeServicePort),
    ipFamilies: listOf(spec, 'ipFamilies').map(textOf),
    externalName: spec['type'] === 'ExternalName' ? textOf(spec['externalName']) : '',
  };
}

/** Reads an EndpointSlice; undefined for what is none, what belongs to no Service, or what Isthmus itself wrote. */
export function decodeSlice(object: unknown): SliceRecord | undefined {
  const meta = metaOf(object);
  const service = meta?.labels['kubernetes.io/service-name'];
  if (!meta || !service || isMarked(meta.labels) || !isRecord(object)) return undefined;
  return {
    resourceVersion: meta.resourceVersion,
    service: `${meta.namespace}/${service}`,
    addressType: textOf(object['addressType']),
    ports: listOf(object, 'ports')
      .slice(0, maxPorts)
      .map((port) => ({
        name: textOf(field({ port }, 'port')['name']),
        number: numberOf(field({ port }, 'port')['port']),
        transport: textOf(field({ port }, 'port')['protocol']) || 'TCP',
      })),
    endpoints: listOf(object, 'endpoints').flatMap((endpoint) => decodeEndpoint(field({ endpoint }, 'endpoint'))),
  };
}

function decodeServicePort(value: unknown): ServicePortRecord {
  const port = field({ value }, 'value');
  return {
    name: textOf(port['name']),
    number: numberOf(port['port']),
    transport: textOf(port['protocol']) || 'TCP',
    appProtocol: textOf(port['appProtocol']),
  };
}

/**
 * Conditions that are not there mean: ready; serving as far as ready; not terminating. The addresses of an endpoint are
 * the same one, so the first is taken.
 * Source: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
 */
function decodeEndpoint(endpoint: Readonly<Record<string, unknown>>): EndpointRecord[] {
  const address = textOf(listOf(endpoint, 'addresses')[0]);
  const conditions = field(endpoint, 'conditions');
  const target = field(endpoint, 'targetRef');
  const ready = conditions['ready'] !== false;
  const serving = conditions['serving'];
  return [
    {
      address,
      ready,
      serving: typeof serving === 'boolean' ? serving : ready,
      terminating: conditions['terminating'] === true,
      zone: textOf(endpoint['zone']),
      node: textOf(endpoint['nodeName']),
      pod: target['kind'] === 'Pod' ? textOf(target['name']) : '',
    },
  ];
}

/** 0 for what is no number. */
function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
