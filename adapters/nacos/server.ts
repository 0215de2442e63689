import { readFile } from 'node:fs/promises';
import type { HostPort, TlsClient } from '../../core/plugin/index.js';

/** One server of the cluster, as its two protocols are reached. */
export interface NacosServer {
  /** With the context path and no final slash, as `http://nacos:8848/nacos`. */
  readonly baseUrl: string;
  readonly grpc: HostPort;
  readonly secure: boolean;
}

/** @param url as the configuration has it */
export function parseServer(url: string, grpcPortOffset: number): NacosServer {
  const { protocol, hostname, port, pathname, href } = new URL(url);
  const secure = protocol === 'https:';
  const httpPort = port === '' ? (secure ? 443 : 80) : Number(port);
  return {
    baseUrl: pathname === '/' ? `${href.replace(/\/$/, '')}/nacos` : href.replace(/\/$/, ''),
    grpc: { host: hostname.replace(/^\[|\]$/g, ''), port: httpPort + grpcPortOffset },
    secure,
  };
}

/** Contents of the PEM files, read anew for each connection so that renewed certificates are taken. */
export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly serverName?: string;
}

export async function readTls(tls: TlsClient | undefined, signal: AbortSignal): Promise<TlsMaterial> {
  const read = async (name: 'ca' | 'cert' | 'key') => {
    const path = tls?.[name];
    return path === undefined ? {} : { [name]: await readFile(path, { signal }) };
  };
  const [ca, cert, key] = await Promise.all([read('ca'), read('cert'), read('key')]);
  return { ...ca, ...cert, ...key, ...(tls?.serverName === undefined ? {} : { serverName: tls.serverName }) };
}
