import { buildConnector } from 'undici';
import type { TlsClient } from '../config/fields.js';
import { readTls } from './read-tls.js';

/**
 * How a pool of undici connects (its option `connect`): with the files as they are then, so that a certificate that was
 * renewed is taken with the next connection, with no restart. A file that cannot be read fails the connection.
 * @param tls undefined: the authorities of the system, and no certificate
 * @param timeoutMs how long a connection may take
 */
export function tlsConnector(tls: TlsClient | undefined, timeoutMs: number): buildConnector.connector {
  return (options, callback) => {
    const connect = async () => {
      const { serverName, ...pem } = await readTls(tls, AbortSignal.timeout(timeoutMs));
      const name = serverName === undefined ? {} : { servername: serverName };
      buildConnector({ timeout: timeoutMs, maxCachedSessions: 0, ...pem, ...name })(options, callback);
    };
    connect().catch((error: Error) => callback(error, null));
  };
}
