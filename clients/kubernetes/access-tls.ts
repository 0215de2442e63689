import type { SecureContextOptions } from 'node:tls';

/** What TLS towards the API needs. */
export interface AccessTls extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key'> {
  readonly serverName?: string;
  /** The kubeconfig file says that the server's certificate is not to be checked. */
  readonly insecure?: boolean;
}
