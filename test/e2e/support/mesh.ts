import { isDeepStrictEqual } from 'node:util';
import { type IstiodServer, startIstiod } from '../../servers/istiod.js';
import { AdsClient, type SidecarEndpoint } from '../../support/ads-client.js';
import { http } from '../../support/http.js';
import { EndpointGuard } from './endpoint-guard.js';
import { type Isthmus, type IsthmusOptions, startIsthmus } from './isthmus.js';

/** What a test expects of an endpoint; what it leaves out may be anything. */
export type ExpectedEndpoint = { readonly target: string } & Partial<SidecarEndpoint>;

/** Name of the cluster that istiod makes of a port of a host. */
export function clusterOf(host: string, port = 80): string {
  return `outbound|${port}||${host}`;
}

/** The daemon, a real istiod that reads it, and what a sidecar of that istiod sees. */
export class Mesh {
  readonly isthmus: Isthmus;
  readonly istiod: IstiodServer;
  readonly sidecar: AdsClient;

  private constructor(isthmus: Isthmus, istiod: IstiodServer) {
    this.isthmus = isthmus;
    this.istiod = istiod;
    this.sidecar = new AdsClient(istiod.adsAddress);
  }

  /** Ready when istiod is, which is when Isthmus has read all its registries. */
  static async start(options: IsthmusOptions): Promise<Mesh> {
    const isthmus = await startIsthmus(options);
    try {
      return new Mesh(isthmus, await startIstiod({ configSources: [isthmus.configSource] }));
    } catch (error) {
      const logs = isthmus.logs(60);
      await isthmus.stop();
      throw new Error(`${(error as Error).message}\n--- log of isthmus:\n${logs}`, { cause: error });
    }
  }

  /** Waits until a sidecar sees exactly these endpoints, in any order. */
  async sees(cluster: string, expected: readonly ExpectedEndpoint[], timeoutMs = 30_000): Promise<void> {
    const wanted = [...expected].sort(byTarget);
    try {
      await this.sidecar.waitForEndpoints(
        cluster,
        (endpoints) => isDeepStrictEqual([...endpoints].sort(byTarget).map(only(wanted)), wanted),
        { timeoutMs },
      );
    } catch (error) {
      const message = `${(error as Error).message}\nwanted ${JSON.stringify(wanted)}`;
      throw new Error(`${message}\n--- log of isthmus:\n${this.isthmus.logs(20)}`, { cause: error });
    }
  }

  /** Watches that a sidecar never loses one of `targets`, from now until `verify`. */
  guard(cluster: string, targets: readonly string[]): EndpointGuard {
    return new EndpointGuard(this.sidecar, cluster, targets);
  }

  /** Labels of each endpoint of a host, by address, as istiod holds them. */
  async labels(host: string): Promise<Readonly<Record<string, Readonly<Record<string, string>>>>> {
    const { body } = await http(`${this.istiod.url}/debug/configz`);
    const all = JSON.parse(body) as { kind: string; metadata: { name: string }; spec: { endpoints?: Workload[] } }[];
    const entry = all.find(({ kind, metadata }) => kind === 'ServiceEntry' && metadata.name === host);
    return Object.fromEntries((entry?.spec.endpoints ?? []).map(({ address, labels = {} }) => [address, labels]));
  }

  async stop(): Promise<void> {
    this.sidecar.close();
    await this.istiod.stop();
    await this.isthmus.stop();
  }
}

interface Workload {
  readonly address: string;
  readonly labels?: Record<string, string>;
}

function byTarget(a: { readonly target: string }, b: { readonly target: string }): number {
  return a.target < b.target ? -1 : a.target > b.target ? 1 : 0;
}

/** Cuts the endpoint at an index down to the keys that the expectation at that index has. */
function only(wanted: readonly ExpectedEndpoint[]) {
  return (endpoint: SidecarEndpoint, index: number): Record<string, unknown> => {
    const keys = Object.keys(wanted[index] ?? { target: '' }) as (keyof SidecarEndpoint)[];
    return Object.fromEntries(keys.map((key) => [key, endpoint[key]]));
  };
}
