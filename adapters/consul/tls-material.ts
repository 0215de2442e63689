import { readFile } from 'node:fs/promises';
import type { TlsClient } from '../../core/plugin/index.js';

/** PEM texts, and the name to expect in the server's certificate. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
}

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
