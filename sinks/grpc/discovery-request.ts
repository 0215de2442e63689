import { DeltaDiscoveryRequest, DiscoveryRequest, type Node } from '../../proto/gen/discovery.js';

/** Bounds on what one request may say; real clients stay far below. */
export const requestLimits = {
  typeUrl: 256,
  nonce: 512,
  versionInfo: 512,
  nodeId: 512,
  /** Of a list of names, and of a resource's name in UTF-16 units. */
  resourceNames: 100_000,
  resourceName: 1024,
} as const;

/** A request that its sender must not repeat: the stream is ended with INVALID_ARGUMENT. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest';
}

/** Decodes a DiscoveryRequest from a peer. @throws InvalidRequest and nothing else, whatever the bytes. */
export function decodeDiscoveryRequest(bytes: Uint8Array): DiscoveryRequest {
  const request = decoded('DiscoveryRequest', bytes, DiscoveryRequest);
  checkEnvelope(request);
  const tooLong =
    (request.versionInfo.length > requestLimits.versionInfo && 'version_info') ||
    (isOverBound(request.resourceNames) && 'resource_names');
  if (tooLong) throw overBound(tooLong);
  return request;
}

/** Decodes a DeltaDiscoveryRequest from a peer. @throws InvalidRequest and nothing else, whatever the bytes. */
export function decodeDeltaDiscoveryRequest(bytes: Uint8Array): DeltaDiscoveryRequest {
  const request = decoded('DeltaDiscoveryRequest', bytes, DeltaDiscoveryRequest);
  checkEnvelope(request);
  const { initialResourceVersions: initial } = request;
  const tooLong =
    (isOverBound(request.resourceNamesSubscribe) && 'resource_names_subscribe') ||
    (isOverBound(request.resourceNamesUnsubscribe) && 'resource_names_unsubscribe') ||
    ((initial.length > requestLimits.resourceNames ||
      initial.some(
        ({ name, version }) => name.length > requestLimits.resourceName || version.length > requestLimits.versionInfo,
      )) &&
      'initial_resource_versions');
  if (tooLong) throw overBound(tooLong);
  return request;
}

function decoded<Message>(what: string, bytes: Uint8Array, codec: { decode(bytes: Uint8Array): Message }): Message {
  try {
    return codec.decode(bytes);
  } catch (cause) {
    throw new InvalidRequest(`the request is no ${what}`, { cause });
  }
}

function checkEnvelope(request: { typeUrl: string; responseNonce: string; node?: Node | undefined }): void {
  if (request.typeUrl === '') throw new InvalidRequest('the request has no type_url');
  const { node } = request;
  const tooLong =
    (request.typeUrl.length > requestLimits.typeUrl && 'type_url') ||
    (request.responseNonce.length > requestLimits.nonce && 'response_nonce') ||
    ((node?.id.length ?? 0) > requestLimits.nodeId && 'node.id') ||
    (nodeTexts(node).some((text) => text.length > requestLimits.nodeId) && 'node');
  if (tooLong) throw overBound(tooLong);
}

function nodeTexts(node: Node | undefined): string[] {
  if (!node) return [];
  const { cluster, userAgentName, locality } = node;
  const { region = '', zone = '', subZone = '' } = locality ?? {};
  return [cluster, userAgentName, region, zone, subZone];
}

function isOverBound(names: readonly string[]): boolean {
  return names.length > requestLimits.resourceNames || names.some((name) => name.length > requestLimits.resourceName);
}

function overBound(field: string): InvalidRequest {
  return new InvalidRequest(`${field} is over the bound`);
}
