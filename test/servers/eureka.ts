import type { Dispatcher } from 'undici';
import { http } from '../support/http.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { javaCommand } from './java.js';
import { pickPort } from './ports.js';
import { type ServerHandle, type StartOptions, startServer } from './process.js';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export interface EurekaOptions extends StartOptions {
  readonly port?: number;
  /** Loopback address to listen on; peers need different ones. Default `127.0.0.1`. */
  readonly host?: string;
  /** Asks every request for this user and password. */
  readonly basicAuth?: Credentials;
  /** PEM files: listens with TLS and asks every client for a certificate of this authority. */
  readonly tls?: EurekaTls;
  /** Evicts every 2 s and answers at most 1 s old. False leaves the defaults, 60 s and 30 s. Default true. */
  readonly fast?: boolean;
  /** Stops evictions when too many leases run out at once. Default off. */
  readonly selfPreservation?: boolean;
  /** Service URLs of the other servers; all of them replicate to each other. */
  readonly peers?: readonly string[];
  /** More Spring properties. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
}

export interface EurekaTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** A client that the server takes, to see whether it is ready. */
  readonly client: Dispatcher;
}

export interface EurekaServer extends ServerHandle {
  readonly port: number;
  /** `http://host:port/eureka`, without credentials. */
  readonly url: string;
  readonly basicAuth: Credentials | undefined;
}

const FAST = {
  'eureka.server.eviction-interval-timer-in-ms': 2000,
  'eureka.server.response-cache-update-interval-ms': 1000,
  'eureka.server.delta-retention-timer-interval-in-ms': 5000,
};

/** Starts one Eureka server. It keeps nothing on disk: a restart loses the registry, as it does in production. */
export async function startEureka(options: EurekaOptions = {}): Promise<EurekaServer> {
  const {
    host = '127.0.0.1',
    basicAuth,
    tls,
    fast = true,
    selfPreservation = false,
    peers = [],
    properties = {},
  } = options;
  const port = options.port ?? (await pickPort());
  const url = `${tls ? 'https' : 'http'}://${host}:${port}/eureka`;
  const settings = {
    'server.port': port,
    'server.address': host,
    'spring.application.name': 'eureka-server',
    'spring.main.banner-mode': 'off',
    'logging.level.root': 'WARN',
    'eureka.instance.hostname': host,
    'eureka.instance.instance-id': `eureka-${port}`,
    'eureka.client.register-with-eureka': peers.length > 0,
    'eureka.client.fetch-registry': peers.length > 0,
    'eureka.client.service-url.defaultZone': peers.map((peer) => `${peer}/`).join(',') || `${url}/`,
    'eureka.server.enable-self-preservation': selfPreservation,
    'eureka.server.wait-time-in-ms-when-sync-empty': 0,
    ...(fast && FAST),
    ...(tls && {
      'server.ssl.certificate': `file:${tls.cert}`,
      'server.ssl.certificate-private-key': `file:${tls.key}`,
      'server.ssl.trust-certificate': `file:${tls.ca}`,
      'server.ssl.client-auth': 'need',
    }),
    ...(basicAuth && {
      'isthmus.basic-auth': true,
      'spring.security.user.name': basicAuth.user,
      'spring.security.user.password': basicAuth.password,
    }),
    ...properties,
  };
  const server = await startServer(
    {
      name: 'eureka',
      readyTimeoutMs: 240_000,
      command: (dir) =>
        javaCommand({
          artefact: 'eureka',
          mainClass: 'isthmus.test.eureka.EurekaServer',
          home: dir,
          heapMb: 256,
          args: Object.entries(settings).map(([key, value]) => `--${key}=${value}`),
        }),
      ready: async (signal) => {
        const response = await http(`${url}/apps`, {
          headers: basicAuthHeader(basicAuth),
          signal,
          ...(tls && { dispatcher: tls.client }),
        });
        return response.status === 200;
      },
    },
    options,
  );
  return Object.assign(server, { port, url, basicAuth });
}

/** Starts two servers that replicate to each other, on 127.0.0.2 and 127.0.0.3: peers are told apart by host. */
export async function startEurekaPeers(options: PeersOptions = {}): Promise<EurekaServer[]> {
  const places = await pickPlaces();
  return startAll(
    places,
    places.map(({ host, port }) => `http://${host}:${port}/eureka`),
    options,
  );
}

/**
 * The same with a proxy in front of each that only its peer uses: what cuts `links[n]` keeps `servers[n]` from hearing of
 * changes, and lets everybody else reach it. The links are yours to close.
 */
export async function startLinkedEurekaPeers(
  options: PeersOptions = {},
): Promise<{ readonly servers: EurekaServer[]; readonly links: TcpProxy[] }> {
  const places = await pickPlaces();
  const links = await Promise.all(places.map(({ host, port }) => TcpProxy.start({ host, port }, 0, host)));
  try {
    const servers = await startAll(
      places,
      links.map(({ address }) => `http://${address}/eureka`),
      options,
    );
    return { servers, links };
  } catch (error) {
    await Promise.all(links.map((link) => link.close()));
    throw error;
  }
}

type PeersOptions = Omit<EurekaOptions, 'host' | 'port' | 'peers'>;
type Place = Required<Pick<EurekaOptions, 'host' | 'port'>>;

async function pickPlaces(): Promise<readonly Place[]> {
  return [
    { host: '127.0.0.2', port: await pickPort() },
    { host: '127.0.0.3', port: await pickPort() },
  ];
}

async function startAll(places: readonly Place[], peers: readonly string[], options: PeersOptions) {
  const outcomes = await Promise.allSettled(places.map((place) => startEureka({ ...options, ...place, peers })));
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure) {
    await Promise.all(started.map((server) => server.kill()));
    throw failure.reason;
  }
  return started;
}

/** The header that a server with `basicAuth` asks for; none when there are no credentials. */
export function basicAuthHeader(credentials: Credentials | undefined): Record<string, string> {
  if (!credentials) return {};
  const encoded = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
  return { authorization: `Basic ${encoded}` };
}
