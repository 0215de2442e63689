import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readTls } from '../../core/plugin/index.js';
import type { AccessConfig } from './access-schema.js';
import type { AccessTls } from './access-tls.js';
import { readKubeconfig } from './kubeconfig.js';
import { KubernetesError } from './kubernetes-error.js';

/** Where an API is and who asks, as the files say it at one moment. */
export interface Access {
  /** Base URL, with no trailing slash. */
  readonly server: string;
  readonly tls: AccessTls;
  /** The bearer token; read for each request, and kept for a short time, so that a renewed one is taken. */
  token(signal: AbortSignal): Promise<string | undefined>;
}

/** What reading it needs of the world; tests put their own in its place. */
export interface AccessWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of the pod's service account. */
  readonly accountDir: string;
  readonly now: () => number;
}

const world: AccessWorld = {
  env: process.env,
  accountDir: '/var/run/secrets/kubernetes.io/serviceaccount',
  now: () => performance.now(),
};
/** Kubernetes renews the token of a service account long before it ends. */
const tokenKeptMs = 10_000;

/**
 * Reads where the API is and who asks: of the keys `server` and so on, of a kubeconfig file, or of the pod this runs in. To
 * be called for each session, so that renewed files are taken.
 * @throws KubernetesError `forbidden` that says which file is not as it should be; the signal's reason
 */
export async function readAccess(
  config: AccessConfig,
  signal: AbortSignal,
  { env, accountDir, now }: AccessWorld = world,
): Promise<Access> {
  try {
    if (config.server !== undefined) {
      const { server, tls, token, tokenFile } = config;
      return {
        server,
        tls: await readTls(tls, signal),
        token: tokenFile === undefined ? async () => token?.reveal() : fileToken(tokenFile, now),
      };
    }
    if (config.kubeconfig !== undefined) {
      const { tokenFile, token, ...rest } = await readKubeconfig(config.kubeconfig, config.context, signal);
      return { ...rest, token: tokenFile === undefined ? async () => token?.reveal() : fileToken(tokenFile, now) };
    }
    const host = env['KUBERNETES_SERVICE_HOST'];
    const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
    if (!host) throw new Error('this is no pod of a cluster: give kubeconfig or server');
    return {
      server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
      tls: { ca: await readFile(join(accountDir, 'ca.crt'), { signal }) },
      token: fileToken(join(accountDir, 'token'), now),
    };
  } catch (error) {
    signal.throwIfAborted();
    throw new KubernetesError('forbidden', `access to the Kubernetes API: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** The token of a file; the one read last is kept for a short time. */
function fileToken(path: string, now: () => number): Access['token'] {
  let kept: { readonly token: string; readonly readMs: number } | undefined;
  return async (signal) => {
    if (kept && now() - kept.readMs < tokenKeptMs) return kept.token;
    const token = (await readFile(path, { encoding: 'utf8', signal })).trim();
    if (token === '') throw new KubernetesError('forbidden', `the token file ${path} is empty`);
    if (/[^\x21-\x7e]/.test(token)) throw new KubernetesError('forbidden', `the token file ${path} holds no token`);
    kept = { token, readMs: now() };
    return token;
  };
}
