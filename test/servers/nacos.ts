import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { javaCommand } from './java.js';
import { ensureLogin, type UserApi } from './nacos-users.js';
import { pickPort } from './ports.js';
import { type ServerHandle, type StartOptions, startServer } from './process.js';

export interface NacosOptions extends StartOptions {
  /** HTTP port; gRPC is 1000 above it. With it 1001 above and 1000 below are used too. A free group when absent. */
  readonly port?: number;
  /** Asks for a login; this user is created and may do everything. */
  readonly auth?: { readonly user: string; readonly password: string };
  /** More lines of application.properties. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
}

export interface NacosServer extends ServerHandle {
  /** HTTP port. */
  readonly port: number;
  /** gRPC port, by Nacos's rule the HTTP port plus 1000; nobody listens there in 1.x. */
  readonly grpcPort: number;
  /** `127.0.0.1:port` */
  readonly address: string;
  /** `http://127.0.0.1:port/nacos` */
  readonly url: string;
  readonly auth: NacosOptions['auth'];
}

/** What differs between the Nacos versions. */
export interface NacosVersion {
  readonly name: 'nacos1' | 'nacos2' | 'nacos3';
  readonly mainClass: string;
  /** `module/package` names that are open to reflection. */
  readonly openPackages?: readonly string[];
  readonly properties: (port: number) => Readonly<Record<string, string | number | boolean>>;
  readonly ready: (server: NacosEndpoint, signal: AbortSignal) => Promise<boolean>;
  readonly users: UserApi;
}

export interface NacosEndpoint {
  readonly url: string;
  readonly auth: NacosOptions['auth'];
}

/** An older Hessian under the same package names comes with the Raft library. */
export const firstJars: readonly string[] = ['hessian-4'];

const PORT_GROUP = [0, 1000, 1001, -1000];

/** Starts a standalone Nacos server with its embedded database. Its data survives a restart. */
export async function startNacos(version: NacosVersion, options: NacosOptions): Promise<NacosServer> {
  const port = options.port ?? (await pickPort(PORT_GROUP));
  const { auth } = options;
  const endpoint = { url: `http://127.0.0.1:${port}/nacos`, auth };
  let ready = false;
  const server = await startServer(
    {
      name: version.name,
      readyTimeoutMs: 240_000,
      command(dir) {
        ready = false;
        writeConfig(dir, port, version, options);
        return javaCommand({
          artefact: version.name,
          mainClass: version.mainClass,
          home: dir,
          heapMb: 384,
          firstJars,
          openPackages: version.openPackages ?? [],
          properties: {
            // Data must outlive the process, not a power cut.
            'derby.system.durability': 'test',
            'nacos.standalone': true,
            'nacos.home': dir,
            'nacos.server.ip': '127.0.0.1',
            'server.address': '127.0.0.1',
            'server.tomcat.basedir': join(dir, 'tomcat'),
            'spring.config.additional-location': `file:${join(dir, 'conf')}/`,
            'spring.main.banner-mode': 'off',
          },
        });
      },
      async ready(signal) {
        ready ||= await version.ready(endpoint, signal);
        return ready && (await ensureLogin(version.users, endpoint, signal));
      },
    },
    options,
  );
  return Object.assign(server, { port, grpcPort: port + 1000, address: `127.0.0.1:${port}`, ...endpoint });
}

function writeConfig(dir: string, port: number, version: NacosVersion, options: NacosOptions): void {
  const lines = {
    'nacos.core.auth.enabled': options.auth !== undefined,
    'nacos.core.auth.system.type': 'nacos',
    // Making the embedded database takes longer than the default of 3 s on a busy machine.
    'db.pool.config.connection-timeout': 60_000,
    'nacos.core.auth.server.identity.key': 'isthmus-test-server',
    'nacos.core.auth.server.identity.value': 'isthmus-test',
    'nacos.core.auth.plugin.nacos.token.secret.key': Buffer.from(
      'signs-tokens-of-test-servers-only'.repeat(2),
    ).toString('base64'),
    ...version.properties(port),
    ...options.config,
  };
  mkdirSync(join(dir, 'conf'), { recursive: true });
  const text = Object.entries(lines).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(join(dir, 'conf', 'application.properties'), text.join(''));
}
