import type { HostPort } from '../../core/plugin/index.js';

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
