import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { isRecord, Secret } from '../../core/plugin/index.js';
import type { AccessTls } from './access-tls.js';

/** What a context of a kubeconfig file says. */
export interface KubeconfigAccess {
  readonly server: string;
  readonly tls: AccessTls;
  readonly token?: Secret;
  readonly tokenFile?: string;
}

type Fields = Readonly<Record<string, unknown>>;
const maxBytes = 1024 * 1024;

/**
 * Reads one context of a kubeconfig file. Programs that fetch credentials (`exec`, `auth-provider`) are not run: a daemon
 * gets a token file or a client certificate.
 * @param context undefined: the file's `current-context`
 * @throws Error that names the file and what is wrong, without a value of it; the signal's reason
 */
export async function readKubeconfig(
  path: string,
  context: string | undefined,
  signal: AbortSignal,
): Promise<KubeconfigAccess> {
  const bytes = await readFile(path, { signal });
  if (bytes.length > maxBytes) throw new Error(`${path} is larger than ${maxBytes} bytes`);
  try {
    return await read(toFields(parseYaml(bytes.toString('utf8'))), context, dirname(resolve(path)), signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

async function read(
  file: Fields,
  wanted: string | undefined,
  dir: string,
  signal: AbortSignal,
): Promise<KubeconfigAccess> {
  const name = wanted ?? text(file, 'current-context');
  if (name === undefined) throw new Error('it has no current-context; give context');
  const context = named(file, 'contexts', 'context', name);
  const cluster = named(file, 'clusters', 'cluster', text(context, 'cluster') ?? '');
  const user = named(file, 'users', 'user', text(context, 'user') ?? '');
  for (const key of ['exec', 'auth-provider', 'username', 'as']) {
    if (user[key] === undefined) continue;
    throw new Error(`its user has ${key}, which is not supported; use a token, a tokenFile or a client certificate`);
  }
  if (cluster['proxy-url'] !== undefined) throw new Error('its cluster has a proxy-url, which is not supported');
  const server = text(cluster, 'server')?.replace(/\/+$/, '') ?? '';
  if (!/^https?:\/\//.test(server) || !URL.canParse(server)) throw new Error('its cluster has no server URL');
  const pem = async (fields: Fields, key: string) => {
    const data = text(fields, `${key}-data`);
    if (data !== undefined) return Buffer.from(data, 'base64');
    const path = text(fields, key);
    return path === undefined ? undefined : readFile(resolve(dir, path), { signal });
  };
  const [ca, cert, key] = await Promise.all([
    pem(cluster, 'certificate-authority'),
    pem(user, 'client-certificate'),
    pem(user, 'client-key'),
  ]);
  const serverName = text(cluster, 'tls-server-name');
  const token = text(user, 'token');
  const tokenFile = text(user, 'tokenFile');
  if (server.startsWith('http:') && (token ?? tokenFile) !== undefined) {
    throw new Error('a token is sent over https alone, and its server is http');
  }
  return {
    server,
    tls: {
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      ...(serverName === undefined ? {} : { serverName }),
      ...(cluster['insecure-skip-tls-verify'] === true ? { insecure: true } : {}),
    },
    ...(token === undefined ? {} : { token: new Secret(token) }),
    ...(tokenFile === undefined ? {} : { tokenFile: resolve(dir, tokenFile) }),
  };
}

/** The message of the parser's own error quotes the file, which holds secrets. */
function parseYaml(content: string): unknown {
  try {
    return parse(content, { maxAliasCount: 0 });
  } catch {
    throw new Error('it is no YAML');
  }
}

function toFields(value: unknown): Fields {
  if (!isRecord(value)) throw new Error('it is no mapping');
  return value;
}

function text(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function named(file: Fields, list: string, key: string, name: string): Fields {
  const entries: unknown = file[list];
  for (const entry of Array.isArray(entries) ? (entries as unknown[]) : []) {
    if (!isRecord(entry) || entry['name'] !== name) continue;
    const value = entry[key];
    return isRecord(value) ? value : {};
  }
  throw new Error(`it has no ${key} of the name ${JSON.stringify(name)}`);
}
