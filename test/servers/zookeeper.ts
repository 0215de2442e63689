import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { javaCommand } from './java.js';
import { pickPort, pickPorts } from './ports.js';
import { type ServerHandle, type StartOptions, startServer } from './process.js';

export interface ZookeeperOptions extends StartOptions {
  /** Client port; a free one when absent. */
  readonly port?: number;
  /** Address that it listens on. Default 127.0.0.1. */
  readonly host?: string;
  /** Length of a tick; sessions time out between 2 and 60 ticks. Default 1000. */
  readonly tickTimeMs?: number;
  /** Password of the digest user `super`, who may do everything. */
  readonly superPassword?: string;
  /** More lines of zoo.cfg. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** More system properties of the JVM. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  /** JAAS login configuration, as SASL needs it. */
  readonly jaas?: string;
}

export interface ZookeeperServer extends ServerHandle {
  readonly port: number;
  /** `host:port`, IPv6 in brackets */
  readonly address: string;
}

interface Member {
  readonly id: number;
  /** `server.N` lines of the whole ensemble. */
  readonly servers: Readonly<Record<string, string>>;
  readonly isObserver: boolean;
}

/** Starts one ZooKeeper server. */
export async function startZookeeper(options: ZookeeperOptions = {}): Promise<ZookeeperServer> {
  return startMember(options.port ?? (await pickPort()), options, undefined);
}

export interface ZookeeperEnsembleOptions extends Omit<ZookeeperOptions, 'port' | 'host'> {
  /** Members, observers counted. Default 3. */
  readonly size?: number;
  /** The last so many of the members observe: they serve, and have no vote. Default 0. */
  readonly observers?: number;
}

/** Starts an ensemble, all members at once; ready when each follows, leads or observes. */
export async function startZookeeperEnsemble(options: ZookeeperEnsembleOptions = {}): Promise<ZookeeperServer[]> {
  const { size = 3, observers = 0 } = options;
  const isObserver = (index: number) => index >= size - observers;
  const ports = await pickPorts(size * 3);
  const clientPorts = ports.slice(0, size);
  const servers = Object.fromEntries(
    clientPorts.map((client, index) => [
      `server.${index + 1}`,
      `127.0.0.1:${ports[size + index]}:${ports[2 * size + index]}${isObserver(index) ? ':observer' : ''};127.0.0.1:${client}`,
    ]),
  );
  const starts = clientPorts.map((port, index) =>
    startMember(port, options, { id: index + 1, servers, isObserver: isObserver(index) }),
  );
  const outcomes = await Promise.allSettled(starts);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (failure) {
    await Promise.all(started.map((server) => server.kill()));
    throw failure.reason;
  }
  return started;
}

async function startMember(port: number, options: ZookeeperOptions, member: Member | undefined) {
  const { superPassword, jaas, properties, host = '127.0.0.1' } = options;
  const server = await startServer(
    {
      name: member ? `zookeeper-${member.id}` : 'zookeeper',
      command(dir) {
        writeConfig(dir, port, options, member);
        return javaCommand({
          artefact: 'zookeeper',
          mainClass: 'org.apache.zookeeper.server.quorum.QuorumPeerMain',
          home: dir,
          heapMb: 512,
          properties: {
            'logback.configurationFile': join(dir, 'conf', 'logback.xml'),
            // Above what one session may own, else closing it destroys the server (ZOOKEEPER-4306).
            'jute.maxbuffer': 33_554_432,
            'zookeeper.extendedTypesEnabled': true,
            // Data must outlive the process, not a power cut.
            'zookeeper.forceSync': 'no',
            ...(jaas !== undefined && { 'java.security.auth.login.config': join(dir, 'conf', 'jaas.conf') }),
            ...properties,
            ...(superPassword && { 'zookeeper.DigestAuthenticationProvider.superDigest': superDigest(superPassword) }),
          },
          args: [join(dir, 'conf', 'zoo.cfg')],
        });
      },
      ready: async (signal) => isServing(port, signal, host),
    },
    options,
  );
  return Object.assign(server, { port, address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}` });
}

function writeConfig(dir: string, port: number, options: ZookeeperOptions, member: Member | undefined): void {
  const { tickTimeMs = 1000, config = {}, jaas, host = '127.0.0.1' } = options;
  const lines = {
    tickTime: tickTimeMs,
    minSessionTimeout: 2 * tickTimeMs,
    maxSessionTimeout: 60 * tickTimeMs,
    initLimit: 20,
    syncLimit: 10,
    maxClientCnxns: 0,
    dataDir: join(dir, 'data'),
    'admin.enableServer': false,
    '4lw.commands.whitelist': '*',
    ...(member
      ? { standaloneEnabled: false, ...member.servers, ...(member.isObserver && { peerType: 'observer' }) }
      : { clientPort: port, clientPortAddress: host }),
    ...config,
  };
  mkdirSync(join(dir, 'conf'), { recursive: true });
  const text = Object.entries(lines).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(join(dir, 'conf', 'zoo.cfg'), text.join(''));
  writeFileSync(join(dir, 'conf', 'logback.xml'), LOGBACK);
  if (jaas !== undefined) writeFileSync(join(dir, 'conf', 'jaas.conf'), jaas);
  if (member) writeFileSync(join(dir, 'data', 'myid'), `${member.id}`);
}

const LOGBACK = `<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %-5level %logger{0}: %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="out"/></root>
</configuration>
`;

/** The digest that ZooKeeper keeps of `super:password`. */
function superDigest(password: string): string {
  return `super:${createHash('sha1').update(`super:${password}`).digest('base64')}`;
}

/** True when the server takes requests; a member that has found no quorum answers `srvr`, but without a mode. */
async function isServing(port: number, signal: AbortSignal, host: string): Promise<boolean> {
  return /^Mode: (standalone|leader|follower|observer)/m.test(await fourLetterWord(port, 'srvr', signal, host));
}

/** Sends one of ZooKeeper's four letter words, such as `ruok`, `srvr` or `cons`, and gives the answer. */
export function fourLetterWord(port: number, word: string, signal?: AbortSignal, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ port, host }, () => socket.write(word));
    if (signal) addAbortSignal(signal, socket);
    socket.setTimeout(5000, () => socket.destroy(new Error(`no answer to ${word}`)));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}
