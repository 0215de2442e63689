import { networkInterfaces } from 'node:os';
import { http } from '../support/http.js';
import { javaCommand } from './java.js';
import { pickPort } from './ports.js';
import { type ServerHandle, type StartOptions, startServer } from './process.js';

export type DubboVersion = '3.3' | '3.2' | '2.7';
export type DubboProtocol = 'dubbo' | 'tri' | 'rest';

/** What both kinds of application take. */
export interface DubboOptions extends StartOptions {
  /** `zookeeper://host:port` or `nacos://host:port?username=…` */
  readonly registry: string;
  readonly application: string;
  /** 3.3.6, 3.2.16 or 2.7.23; default 3.3. */
  readonly version?: DubboVersion;
  /** Group of the greeting service; none when absent. */
  readonly group?: string;
  /** Version of the greeting service; none when absent. */
  readonly serviceVersion?: string;
  /** More Dubbo settings, such as `dubbo.application.metadata-type`. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
}

export interface DubboProviderOptions extends DubboOptions {
  /** What it calls itself when it answers; default: its application. */
  readonly callName?: string;
  /** Default `dubbo`. */
  readonly protocols?: readonly DubboProtocol[];
  /** Which records it writes: by interface, by application (3.x only), or both. Default `interface`. */
  readonly registerMode?: 'interface' | 'instance' | 'all';
  /** Where the metadata of records by application are: asked of itself (Dubbo's default), or in the registry. */
  readonly metadataType?: 'local' | 'remote';
  /** Protocol of its MetadataService; default: as Dubbo chooses. */
  readonly metadataServiceProtocol?: 'dubbo' | 'tri';
  /** Static tag of the greeting service (`dubbo.tag`). */
  readonly tag?: string;
  /** Weight of the greeting service. */
  readonly weight?: number;
  /** More URL parameters of the greeting service. */
  readonly parameters?: Readonly<Record<string, string>>;
}

export interface DubboProvider extends ServerHandle {
  readonly application: string;
  /** The address it registers: Dubbo refuses loopback, so it is this machine's own, if it has one. */
  readonly host: string;
  readonly ports: Readonly<Partial<Record<DubboProtocol, number>>>;
}

export interface DubboConsumerOptions extends DubboOptions {
  /** Only providers of this protocol. */
  readonly protocol?: DubboProtocol;
  /** Which records it reads (3.x only). */
  readonly migration?: 'FORCE_INTERFACE' | 'APPLICATION_FIRST' | 'FORCE_APPLICATION';
  /** Application that provides the service, for records by application without a mapping. */
  readonly providedBy?: string;
}

/** Calls answered, by the name of the provider; `failed` for those that nobody answered. */
export type DubboCounts = Readonly<Record<string, number>>;

export interface DubboConsumer extends ServerHandle {
  /** Calls the greeting service: what the provider said, or a rejection with Dubbo's error. */
  greet(name: string, signal?: AbortSignal): Promise<string>;
  /** Calls it so many times, with a tag on each call if there is one: how many calls each provider answered, by its name. */
  count(calls: number, tag?: string): Promise<DubboCounts>;
}

const artefactOf = { '3.3': 'dubbo3', '3.2': 'dubbo32', '2.7': 'dubbo27' } as const;

export const GREETING_SERVICE = 'isthmus.test.dubbo.api.GreetingService';
export const ECHO_SERVICE = 'isthmus.test.dubbo.api.EchoService';

/** Starts an application that provides the greeting and the echo service and has registered both. */
export async function startDubboProvider(options: DubboProviderOptions): Promise<DubboProvider> {
  const { application, registerMode = 'interface', protocols = ['dubbo'], weight, tag } = options;
  const parameters = { ...(tag !== undefined && { 'dubbo.tag': tag }), ...options.parameters };
  const host = machineAddress();
  const ports: Partial<Record<DubboProtocol, number>> = {};
  for (const protocol of protocols) ports[protocol] = await pickPort();
  const settings = {
    ...commonSettings(options),
    protocols: Object.entries(ports).map((pair) => pair.join(':')),
    weight: weight ?? '',
    name: options.callName ?? '',
    ...Object.fromEntries(Object.entries(parameters).map(([key, value]) => [`parameter.${key}`, value])),
  };
  const { metadataType, metadataServiceProtocol } = options;
  const properties = {
    'dubbo.application.register-mode': registerMode,
    ...(metadataType && { 'dubbo.application.metadata-type': metadataType }),
    ...(metadataServiceProtocol && { 'dubbo.application.metadata-service-protocol': metadataServiceProtocol }),
    ...options.properties,
  };
  const server = await startApp('Provider', settings, { ...options, properties });
  return Object.assign(server, { application, host, ports });
}

/** Starts an application that calls the greeting service when a test asks it to. */
export async function startDubboConsumer(options: DubboConsumerOptions): Promise<DubboConsumer> {
  const { protocol = '', providedBy = '', migration } = options;
  const port = await pickPort();
  const settings = { ...commonSettings(options), port, protocol, 'provided-by': providedBy };
  const properties = {
    ...(migration && { 'dubbo.application.service-discovery.migration': migration }),
    ...options.properties,
  };
  const server = await startApp('Consumer', settings, { ...options, properties });
  return Object.assign(server, {
    async greet(name: string, signal?: AbortSignal) {
      const url = `http://127.0.0.1:${port}/greet?${encodeURIComponent(name)}`;
      const { status, body } = await http(url, { timeoutMs: 10_000, ...(signal && { signal }) });
      if (status !== 200) throw new Error(body);
      return body;
    },
    async count(calls: number, tag?: string) {
      const query = tag === undefined ? `${calls}` : `${calls}&${encodeURIComponent(tag)}`;
      const { status, body } = await http(`http://127.0.0.1:${port}/count?${query}`, { timeoutMs: 60_000 });
      if (status !== 200) throw new Error(body);
      const lines = body.split('\n').map((line) => line.split(' '));
      return Object.fromEntries(lines.map((words) => [words.at(-1) ?? '', Number(words[0])]));
    },
  });
}

/** The IPv4 address that Dubbo applications on this machine register. */
export function machineAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const own = addresses.find(({ family, internal }) => family === 'IPv4' && !internal);
  return own?.address ?? '127.0.0.1';
}

function commonSettings({ registry, application, group = '', serviceVersion = '' }: DubboOptions) {
  return { registry, application, group, version: serviceVersion };
}

function startApp(
  mainClass: 'Provider' | 'Consumer',
  settings: Readonly<Record<string, unknown>>,
  options: DubboOptions,
): Promise<ServerHandle> {
  const { version = '3.3', application, properties = {} } = options;
  return startServer(
    {
      name: `dubbo-${application}`,
      readyTimeoutMs: 90_000,
      stopTimeoutMs: 20_000,
      command: (dir) => ({
        ...javaCommand({
          artefact: artefactOf[version],
          mainClass: `isthmus.test.dubbo.${mainClass}`,
          home: dir,
          heapMb: 256,
          // Dubbo 2.7 is older than the module system and reaches into these.
          openPackages: ['java.base/java.lang', 'java.base/java.math', 'java.base/java.util', 'java.base/java.net'],
          properties: {
            'dubbo.application.logger': 'slf4j',
            'dubbo.application.enable-file-cache': false,
            'dubbo.registry.file-cache': false,
            // How long a stopping provider waits for its consumers to notice.
            'dubbo.service.shutdown.wait': 1000,
            'org.slf4j.simpleLogger.defaultLogLevel': 'warn',
            // Prints a stack trace for each watch that a stop cuts off.
            'org.slf4j.simpleLogger.log.org.apache.curator': 'off',
            ...properties,
          },
          args: Object.entries(settings).map(([key, value]) => `${key}=${value}`),
        }),
        env: registeredAddress(),
      }),
      ready: async (_signal, output) => output().includes(`READY ${mainClass.toLowerCase()}`),
    },
    options,
  );
}

/** Dubbo's own choice depends on the interfaces' order; this makes it the address that the tests expect. */
function registeredAddress(): Record<string, string> {
  const address = machineAddress();
  return address === '127.0.0.1' ? {} : { DUBBO_IP_TO_REGISTRY: address };
}
