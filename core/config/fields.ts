import { z } from 'zod';

/** Milliseconds, whole, at least `min`. */
export function milliseconds(min = 1, max = 86_400_000) {
  return z.int().min(min).max(max);
}

export function portNumber() {
  return z.int().min(1).max(65_535);
}

/** Host and port as in `listen` and `servers`: `127.0.0.1:8080`, `zk-0:2181`, `[::1]:8080`. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const hostPortPattern = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@[\]]+)):([0-9]{1,5})$/;

/** `HOST:PORT`; IPv6 in brackets. `minPort` 0 lets the system choose one (listeners in tests). */
export function hostPort(minPort = 1) {
  return z.string().transform((text, context): HostPort => {
    const match = hostPortPattern.exec(text);
    const port = Number(match?.[3]);
    if (!match || port < minPort || port > 65_535) {
      context.addIssue({ code: 'custom', message: 'expected HOST:PORT, as 127.0.0.1:8080 or [::1]:8080' });
      return z.NEVER;
    }
    return { host: match[1] ?? match[2] ?? '', port };
  });
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Base URL of a registry, `http` or `https`, with no user, query or fragment; a trailing slash is dropped. */
export function httpUrl() {
  return z.string().transform((text, context): string => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const fail = (message: string) => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      return fail('expected a URL that begins with http:// or https://');
    }
    if (url.username !== '' || url.password !== '') {
      return fail('credentials do not belong into a URL; use the keys for them, with ${env:NAME} or ${file:PATH}');
    }
    if (url.search !== '' || url.hash !== '') return fail('expected a URL with no query and no fragment');
    return url.href.replace(/\/+$/, '');
  });
}

/** TLS towards a registry: paths of PEM files. Without `ca` the system's authorities are trusted. */
export function tlsClient() {
  return z.strictObject({
    ca: z.string().optional().describe('PEM file of the authorities to trust. Default: those of the system.'),
    cert: z.string().optional().describe('PEM file of the client certificate. Default: none is sent.'),
    key: z.string().optional().describe("PEM file of the client certificate's key."),
    serverName: z.string().optional().describe("Name to expect in the server's certificate. Default: the one dialled."),
  });
}

export type TlsClient = z.output<ReturnType<typeof tlsClient>>;
