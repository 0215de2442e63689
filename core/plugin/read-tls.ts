import { readFile } from 'node:fs/promises';
import type { TlsClient } from '../config/fields.js';

/** Contents of the PEM files of {@link TlsClient}. */
export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly serverName?: string;
}

/**
 * Reads the files; to be called for each connection, so that renewed certificates are taken.
 * @throws Error of `fs` that names the file; the signal's reason
 */
export async function readTls(tls: TlsClient | undefined, signal: AbortSignal): Promise<TlsMaterial> {
  if (tls === undefined) return {};
  const read = async (name: 'ca' | 'cert' | 'key') => {
    const path = tls[name];
    return path === undefined ? {} : { [name]: await readFile(path, { signal }) };
  };
  const [ca, cert, key] = await Promise.all([read('ca'), read('cert'), read('key')]);
  return { ...ca, ...cert, ...key, ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }) };
}
