import { readFile } from 'node:fs/promises';
import type { TlsClient } from '../../core/plugin/index.js';
import type { TlsMaterial } from './client.js';

/** Reads the files; done for each session, so that a renewed certificate is taken at the next reconnect. */
export async function readTls(tls: TlsClient | undefined): Promise<TlsMaterial | undefined> {
  if (tls === undefined) return undefined;
  const [ca, cert, key] = await Promise.all(
    [tls.ca, tls.cert, tls.key].map((path) => (path === undefined ? undefined : readFile(path, 'utf8'))),
  );
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
  };
}
