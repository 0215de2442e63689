import { http } from '../support/http.js';
import type { Credentials } from './eureka.js';
import { javaCommand } from './java.js';
import { pickPort } from './ports.js';
import { type ServerHandle, type StartOptions, startServer } from './process.js';

export type SpringCloudRegistry =
  | { readonly kind: 'eureka'; readonly url: string; readonly basicAuth?: Credentials }
  | {
      readonly kind: 'nacos';
      /** `host:port` */
      readonly address: string;
      readonly auth?: Credentials;
      readonly namespace?: string;
      readonly group?: string;
      readonly weight?: number;
    };

export interface SpringCloudOptions extends StartOptions {
  readonly registry: SpringCloudRegistry;
  /** Name it registers under. */
  readonly application: string;
  readonly port?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** More Spring properties. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
}

export interface SpringCloudApp extends ServerHandle {
  readonly application: string;
  readonly port: number;
  readonly url: string;
  /** `host:port` of each instance of a service, as its own discovery client sees them. */
  instances(service: string, signal?: AbortSignal): Promise<string[]>;
  /** Sets its own status in the registry: UP or DOWN, in Eureka also OUT_OF_SERVICE and CANCEL_OVERRIDE. */
  setStatus(status: string, signal?: AbortSignal): Promise<void>;
}

/** Starts a Spring Cloud application on 127.0.0.1 that registers itself; ready when it has sent its registration. */
export async function startSpringCloudApp(options: SpringCloudOptions): Promise<SpringCloudApp> {
  const { application, registry, properties = {} } = options;
  const port = options.port ?? (await pickPort());
  const url = `http://127.0.0.1:${port}`;
  const settings: Record<string, string | number | boolean> = {
    'server.port': port,
    'server.address': '127.0.0.1',
    'spring.application.name': application,
    'spring.main.banner-mode': 'off',
    'logging.level.root': 'WARN',
    ...registrySettings(registry, options.metadata ?? {}),
    ...properties,
  };
  const server = await startServer(
    {
      name: `spring-cloud-${application}`,
      readyTimeoutMs: 90_000,
      command: (dir) =>
        javaCommand({
          artefact: 'spring-cloud',
          mainClass: 'isthmus.test.springcloud.Application',
          home: dir,
          heapMb: 256,
          args: Object.entries(settings).map(([key, value]) => `--${key}=${value}`),
        }),
      ready: async (_signal, output) => output().includes('READY spring-cloud'),
    },
    options,
  );
  return Object.assign(server, {
    application,
    port,
    url,
    async instances(service: string, signal?: AbortSignal) {
      const { status, body } = await http(`${url}/instances/${service}`, signal ? { signal } : {});
      if (status !== 200) throw new Error(`instances of ${service}: ${status} ${body}`);
      return JSON.parse(body) as string[];
    },
    async setStatus(value: string, signal?: AbortSignal) {
      const request = { method: 'POST', timeoutMs: 15_000, ...(signal && { signal }) } as const;
      const { status, body } = await http(`${url}/status/${value}`, request);
      if (status !== 200) throw new Error(`status ${value}: ${status} ${body}`);
    },
  });
}

function registrySettings(registry: SpringCloudRegistry, metadata: Readonly<Record<string, string>>) {
  const prefixed = (prefix: string) =>
    Object.fromEntries(Object.entries(metadata).map(([key, value]) => [`${prefix}.${key}`, value]));
  if (registry.kind === 'eureka') {
    return {
      'spring.cloud.nacos.discovery.enabled': false,
      'eureka.client.service-url.defaultZone': withCredentials(registry.url, registry.basicAuth),
      'eureka.instance.prefer-ip-address': true,
      'eureka.instance.ip-address': '127.0.0.1',
      // The least that Eureka's client and server make of it: gone some 12 s after a crash.
      'eureka.instance.lease-renewal-interval-in-seconds': 2,
      'eureka.instance.lease-expiration-duration-in-seconds': 6,
      'eureka.client.registry-fetch-interval-seconds': 2,
      'eureka.client.instance-info-replication-interval-seconds': 2,
      'eureka.client.initial-instance-info-replication-interval-seconds': 0,
      ...prefixed('eureka.instance.metadata-map'),
    };
  }
  const discovery = 'spring.cloud.nacos.discovery';
  return {
    'eureka.client.enabled': false,
    [`${discovery}.server-addr`]: registry.address,
    [`${discovery}.ip`]: '127.0.0.1',
    ...(registry.auth && {
      [`${discovery}.username`]: registry.auth.user,
      [`${discovery}.password`]: registry.auth.password,
    }),
    ...(registry.namespace !== undefined && { [`${discovery}.namespace`]: registry.namespace }),
    ...(registry.group !== undefined && { [`${discovery}.group`]: registry.group }),
    ...(registry.weight !== undefined && { [`${discovery}.weight`]: registry.weight }),
    ...prefixed(`${discovery}.metadata`),
  };
}

function withCredentials(url: string, credentials: Credentials | undefined): string {
  const parsed = new URL(`${url}/`);
  if (credentials) {
    parsed.username = credentials.user;
    parsed.password = credentials.password;
  }
  return parsed.href;
}
