import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { HostPort, TlsMaterial } from '../../core/plugin/index.js';

/** A socket that is being connected to the server; with TLS it is ready at `secureConnect`. */
export function dialSocket({ host, port }: HostPort, tls: TlsMaterial | undefined): Socket {
  if (tls === undefined) return connect({ host, port });
  const { serverName, ...pem } = tls;
  // An IP address is no name that could be asked for (RFC 6066, section 3); it is looked for in the certificate all the same.
  const servername = serverName ?? (isIP(host) === 0 ? host : undefined);
  return connectTls({ host, port, ...pem, ...(servername !== undefined && { servername }) });
}
