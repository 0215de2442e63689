import type { DataSource, TransportSocket } from '../../proto/gen/envoy_core.js';
import { DownstreamTlsContext, TlsParameters_TlsProtocol } from '../../proto/gen/envoy_listener.js';
import type { TlsConfig } from './gateway-config.js';
import { anyOf } from './resource.js';
import { extensionTypes } from './types.js';

/** Contents of the files that are read on this side, by path. */
export type FileContents = ReadonlyMap<string, Buffer>;

/** The files of a listener that are read on this side. */
export function filesToRead(tls: TlsConfig | undefined): readonly string[] {
  if (tls === undefined || tls.from === 'gateway') return [];
  const files = tls.certificates.flatMap(({ cert, key }) => [cert, key]);
  return tls.clientCa === undefined ? files : [...files, tls.clientCa];
}

/**
 * TLS that ends at a listener.
 * @param alpn protocols that are offered, in order
 * @param files must hold all of {@link filesToRead}
 */
export function tlsSocket(tls: TlsConfig, alpn: readonly string[], files: FileContents): TransportSocket {
  const source = (path: string): DataSource => {
    if (tls.from === 'gateway') return { filename: path, inlineBytes: empty };
    return { filename: '', inlineBytes: files.get(path) ?? empty };
  };
  const context: DownstreamTlsContext = {
    commonTlsContext: {
      tlsParams: {
        tlsMinimumProtocolVersion:
          tls.minVersion === '1.3' ? TlsParameters_TlsProtocol.TLSv1_3 : TlsParameters_TlsProtocol.TLSv1_2,
      },
      tlsCertificates: tls.certificates.map(({ cert, key }) => ({
        certificateChain: source(cert),
        privateKey: source(key),
      })),
      ...(tls.clientCa !== undefined && { validationContext: { trustedCa: source(tls.clientCa) } }),
      alpnProtocols: [...alpn],
    },
    ...(tls.clientCa !== undefined && { requireClientCertificate: { value: true } }),
  };
  return {
    name: 'envoy.transport_sockets.tls',
    typedConfig: anyOf(extensionTypes.downstreamTls, DownstreamTlsContext, context),
  };
}

const empty = Buffer.alloc(0);
