import { DiscoveryRequest } from '../../proto/gen/discovery.js';

/** Bounds on what one request may say; real clients stay far below. */
export const requestLimits = {
  typeUrl: 256,
  nonce: 512,
  versionInfo: 512,
  nodeId: 512,
  resourceNames: 100_000,
} as const;

/** A request that its sender must not repeat: the stream is ended with INVALID_ARGUMENT. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest';
}

/** Decodes a DiscoveryRequest from a peer. @throws InvalidRequest and nothing else, whatever the bytes. */
export function decodeDiscoveryRequest(bytes: Uint8Array): DiscoveryRequest {
  let request: DiscoveryRequest;
  try {
    request = DiscoveryRequest.decode(bytes);
  } catch (cause) {
    throw new InvalidRequest('the request is no DiscoveryRequest', { cause });
  }
  if (request.typeUrl === '') throw new InvalidRequest('the request has no type_url');
  const tooLong =
    (request.typeUrl.length > requestLimits.typeUrl && 'type_url') ||
    (request.responseNonce.length > requestLimits.nonce && 'response_nonce') ||
    (request.versionInfo.length > requestLimits.versionInfo && 'version_info') ||
    ((request.node?.id.length ?? 0) > requestLimits.nodeId && 'node.id') ||
    (request.resourceNames.length > requestLimits.resourceNames && 'resource_names');
  if (tooLong) throw new InvalidRequest(`${tooLong} is over the bound`);
  return request;
}
