import { formatHostPort } from '../../../core/plugin/index.js';
import type { ApplicationInstance } from '../application-instance.js';
import { MetadataError } from '../metadata-info.js';

/**
 * How a provider's MetadataService is asked:
 * - `v2`: MetadataServiceV2, plain gRPC (3.3 with tri)
 * - `triple`: V1 in Triple's wrapper, Hessian within gRPC (3.1 and 3.2 with tri alone)
 * - `dubbo`: V1 over the dubbo protocol (whoever announces dubbo)
 */
export interface MetadataRoute {
  readonly kind: 'v2' | 'triple' | 'dubbo';
  readonly host: string;
  readonly port: number;
  /** `host:port`, IPv6 in brackets. */
  readonly authority: string;
}

/** @throws MetadataError when the instance does not say how it can be asked */
export function routeOf(instance: ApplicationInstance): MetadataRoute {
  const { metadataService: service, address: host } = instance;
  if (service === undefined) throw new MetadataError('the instance does not say how to ask it for its metadata');
  const { port, protocol, version } = service;
  const authority = formatHostPort({ host, port });
  if (protocol === 'dubbo') return { kind: 'dubbo', host, port, authority };
  if (protocol === 'tri') return { kind: isV2(version) ? 'v2' : 'triple', host, port, authority };
  throw new MetadataError('the instance is to be asked for its metadata by another protocol than dubbo and tri');
}

/** `meta-v` is absent before 3.3. */
function isV2(version: string): boolean {
  return Number(/^([0-9]{1,6})\./.exec(version)?.[1] ?? 0) >= 2;
}
