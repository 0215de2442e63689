import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { http } from '../support/http.js';
import { artefactDir } from './build/cache-dir.js';
import { type KubeStub, startKubeStub } from './kube-stub.js';
import { pickPorts } from './ports.js';
import { type ServerHandle, type StartOptions, startServer } from './process.js';

/** An entry of `meshConfig.configSources`. */
export interface ConfigSource {
  /** `xds://host:port` */
  readonly address: string;
  /** Only mode SIMPLE is honoured by istiod; the certificates are PEM text. */
  readonly tlsSettings?: Readonly<Record<string, unknown>>;
}

export interface IstiodOptions extends StartOptions {
  /** Where istiod reads its configuration, as addresses `xds://host:port` or whole entries. They must be up already. */
  readonly configSources: readonly (string | ConfigSource)[];
  /** Kubeconfig file of its Kubernetes API, which has Istio's resource definitions and the namespace istio-system. Default: a stub with nothing in it. */
  readonly kubeconfig?: string;
  /** More environment, over ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** More of the mesh configuration. */
  readonly meshConfig?: Readonly<Record<string, unknown>>;
}

export interface IstiodServer extends ServerHandle {
  /** `127.0.0.1:port` of the plaintext ADS, for sidecars. */
  readonly adsAddress: string;
  /** `http://127.0.0.1:port` with `/ready` and `/debug/...` */
  readonly url: string;
  /** `http://127.0.0.1:port` with `/metrics` */
  readonly monitoringUrl: string;
}

const ENVIRONMENT = {
  POD_NAMESPACE: 'istio-system',
  POD_NAME: 'istiod-test',
  INJECT_ENABLED: 'false',
  VALIDATION_WEBHOOK_CONFIG_NAME: '',
  INJECTION_WEBHOOK_CONFIG_NAME: '',
  PILOT_ENABLE_GATEWAY_API: 'false',
  PILOT_ENABLE_GATEWAY_API_STATUS: 'false',
  PILOT_ENABLE_ANALYSIS: 'false',
  PILOT_ENABLE_IP_AUTOALLOCATE: 'false',
  UNSAFE_ENABLE_ADMIN_ENDPOINTS: 'true',
  // Pushes at once; the default waits for 100 ms of quiet.
  PILOT_DEBOUNCE_AFTER: '10ms',
};

/**
 * Starts istiod with no cluster behind it: its services come from the config sources alone. It does not become ready
 * before each of them has answered, and ends when one is not there.
 */
export async function startIstiod(options: IstiodOptions): Promise<IstiodServer> {
  const ports = (await pickPorts(6)) as [number, number, number, number, number, number];
  const [httpPort, monitoringPort, adsPort, secureAdsPort, webhookPort, kubePort] = ports;
  const url = `http://127.0.0.1:${httpPort}`;
  let kube: KubeStub | undefined;
  const server = await startServer(
    {
      name: 'istiod',
      readyTimeoutMs: 90_000,
      async setUp() {
        if (options.kubeconfig === undefined) kube ??= await startKubeStub(kubePort);
      },
      async tearDown() {
        await kube?.stop();
        kube = undefined;
      },
      command(dir) {
        const meshConfig = join(dir, 'mesh.yaml');
        const stubConfig = join(dir, 'kubeconfig');
        writeFileSync(meshConfig, JSON.stringify(meshConfigOf(options, secureAdsPort)));
        writeFileSync(stubConfig, JSON.stringify(kubeconfigFor(`http://127.0.0.1:${kubePort}`)));
        const kubeconfig = options.kubeconfig ?? stubConfig;
        const flags = {
          registries: '',
          meshConfig,
          kubeconfig,
          namespace: 'istio-system',
          httpAddr: `127.0.0.1:${httpPort}`,
          monitoringAddr: `127.0.0.1:${monitoringPort}`,
          grpcAddr: `127.0.0.1:${adsPort}`,
          secureGRPCAddr: `127.0.0.1:${secureAdsPort}`,
          httpsAddr: `127.0.0.1:${webhookPort}`,
          ctrlz_port: 0,
        };
        return {
          command: join(artefactDir('istiod'), 'pilot-discovery'),
          args: ['discovery', ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)],
          env: { ...ENVIRONMENT, ...options.env },
        };
      },
      ready: async (signal) => (await http(`${url}/ready`, { signal })).status === 200,
    },
    options,
  );
  return Object.assign(server, {
    adsAddress: `127.0.0.1:${adsPort}`,
    url,
    monitoringUrl: `http://127.0.0.1:${monitoringPort}`,
  });
}

function meshConfigOf(options: IstiodOptions, secureAdsPort: number) {
  const sources = options.configSources.map((source) => (typeof source === 'string' ? { address: source } : source));
  return {
    // Without the cluster among them istiod does not start.
    configSources: [...sources, { address: 'k8s://' }],
    defaultConfig: { discoveryAddress: `127.0.0.1:${secureAdsPort}` },
    ingressControllerMode: 'OFF',
    ...options.meshConfig,
  };
}

function kubeconfigFor(server: string) {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'stub', cluster: { server } }],
    users: [{ name: 'test', user: {} }],
    contexts: [{ name: 'stub', context: { cluster: 'stub', user: 'test' } }],
    'current-context': 'stub',
  };
}
