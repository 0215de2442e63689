import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent } from 'undici';
import type { Certificates } from '../support/certificates.js';
import { http } from '../support/http.js';
import { artefactDir } from './build/cache-dir.js';
import { pickPorts } from './ports.js';
import { type ServerHandle, type StartOptions, startServer } from './process.js';

export interface KubeOptions extends StartOptions {
  /** Users beside the administrator, by token. They may do what RBAC gives them: nothing. */
  readonly users?: readonly KubeUser[];
  /** For the server, and the authority of client certificates. Default: the server makes its own, and takes none of clients. */
  readonly certificates?: Certificates;
  /** More flags of kube-apiserver, as `--max-requests-inflight=10`. */
  readonly flags?: readonly string[];
}

export interface KubeUser {
  readonly name: string;
  readonly token: string;
}

/** kube-apiserver and its etcd. The handle's own stop, kill, pause and restart are of kube-apiserver; see {@link etcd}. */
export interface KubeServer extends ServerHandle {
  readonly port: number;
  /** `https://127.0.0.1:port` */
  readonly url: string;
  /** PEM file of the authority of the server's certificate. */
  readonly caFile: string;
  /** Token of somebody who may do everything. */
  readonly adminToken: string;
  /** A kubeconfig file of the administrator. */
  readonly kubeconfig: string;
  readonly etcd: ServerHandle;
  /** `http://127.0.0.1:port` of etcd. */
  readonly etcdUrl: string;
  /** Ends both. */
  stopAll(): Promise<void>;
}

const ADMIN_TOKEN = 'isthmus-test-admin';

/** Starts a Kubernetes API with nothing behind it: objects are kept, and no controller does anything about them. */
export async function startKube(options: KubeOptions = {}): Promise<KubeServer> {
  const [port, etcdPort, peerPort] = (await pickPorts(3)) as [number, number, number];
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const etcd = await startEtcd(etcdUrl, `http://127.0.0.1:${peerPort}`, options);
  const url = `https://127.0.0.1:${port}`;
  let caFile = options.certificates?.ca ?? '';
  try {
    const server = await startServer(
      {
        name: 'kube-apiserver',
        readyTimeoutMs: 120_000,
        // It waits for what its clients have open.
        stopTimeoutMs: 1500,
        command(dir) {
          if (options.certificates === undefined) caFile = join(dir, 'certs', 'apiserver.crt');
          return {
            command: join(artefactDir('kube'), 'kube-apiserver'),
            args: flagsOf(dir, port, etcdUrl, options),
          };
        },
        ready: async (signal) => {
          const dispatcher = new Agent({ connect: { ca: readFileSync(caFile) } });
          const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
          try {
            return (await http(`${url}/readyz`, { headers, dispatcher, signal })).status === 200;
          } finally {
            await dispatcher.close();
          }
        },
      },
      options,
    );
    const kubeconfig = join(server.dataDir, '..', 'kubeconfig');
    writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(url, caFile)));
    return Object.assign(server, {
      ...{ port, url, caFile, kubeconfig, etcd, etcdUrl, adminToken: ADMIN_TOKEN },
      stopAll: async () => {
        await server.stop();
        await etcd.stop();
      },
    });
  } catch (error) {
    await etcd.stop();
    throw error;
  }
}

function startEtcd(url: string, peerUrl: string, options: StartOptions): Promise<ServerHandle> {
  return startServer(
    {
      name: 'etcd',
      stopTimeoutMs: 2000,
      command: (dir) => ({
        command: join(artefactDir('kube'), 'etcd'),
        args: [
          `--data-dir=${join(dir, 'data')}`,
          ...[`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`],
          ...[`--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`],
          `--initial-cluster=default=${peerUrl}`,
          // Nobody's data: the disk need not keep up.
          '--unsafe-no-fsync',
          '--log-level=warn',
        ],
      }),
      ready: async (signal) => (await http(`${url}/health`, { signal })).body.includes('true'),
    },
    options,
  );
}

function flagsOf(dir: string, port: number, etcdUrl: string, options: KubeOptions): string[] {
  const { users = [], certificates, flags = [] } = options;
  const file = (name: string, content: string) => {
    const path = join(dir, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const tokens = [
    `${ADMIN_TOKEN},admin,admin,"system:masters"`,
    ...users.map(({ name, token }) => `${token},${name},${name}`),
  ];
  return [
    `--etcd-servers=${etcdUrl}`,
    ...['--bind-address=127.0.0.1', '--advertise-address=127.0.0.1', `--secure-port=${port}`],
    `--cert-dir=${join(dir, 'certs')}`,
    ...(certificates
      ? [
          `--tls-cert-file=${certificates.server.cert}`,
          `--tls-private-key-file=${certificates.server.key}`,
          `--client-ca-file=${certificates.ca}`,
        ]
      : []),
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('account.pub', publicKey)}`,
    `--service-account-signing-key-file=${file('account.key', privateKey)}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--authorization-mode=RBAC',
    `--token-auth-file=${file('tokens.csv', `${tokens.join('\n')}\n`)}`,
    '--disable-admission-plugins=ServiceAccount',
    '--endpoint-reconciler-type=none',
    ...flags,
  ];
}

function kubeconfigOf(server: string, caFile: string) {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': caFile } }],
    users: [{ name: 'admin', user: { token: ADMIN_TOKEN } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  };
}
