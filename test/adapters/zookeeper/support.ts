import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { z } from 'zod';
import { zookeeperSchema } from '../../../adapters/zookeeper/config.js';
import { ZookeeperSource } from '../../../adapters/zookeeper/source.js';
import { type Clock, type Deps, type Service, systemClock } from '../../../core/plugin/index.js';
import { SourceRun } from '../../../testkit/index.js';

export type RawConfig = Omit<z.input<typeof zookeeperSchema>, 'servers'>;

/** A source on the given servers, with the short timeouts that tests want. */
export function makeSource(
  servers: readonly string[],
  raw: RawConfig = {},
  metrics = new Registry(),
  clock: Clock = systemClock,
): ZookeeperSource {
  const config = zookeeperSchema.parse({ servers, sessionTimeoutMs: 2000, connectTimeoutMs: 1000, ...raw });
  const deps: Deps = {
    name: 'test',
    logger: pino({ level: 'silent' }),
    clock,
    dataDir: '/nonexistent',
    http: { add: () => undefined },
    metrics,
  };
  return new ZookeeperSource(config, deps);
}

/** Runs a source while `test` looks at what it publishes; stops it whatever happens, and checks that it stops in time. */
export async function withRun(
  source: ZookeeperSource,
  test: (run: SourceRun) => Promise<void>,
  restored: Iterable<Service> = [],
): Promise<void> {
  const run = new SourceRun(source, restored);
  try {
    await test(run);
  } finally {
    await run.stop();
  }
}

/** The name of a provider's znode. */
export function providerName(interfaceName: string, authority: string, query = '', protocol = 'dubbo'): string {
  return encodeURIComponent(
    `${protocol}://${authority}/${interfaceName}?application=shop&interface=${interfaceName}${query}`,
  );
}

/** An instance as Dubbo 3 writes it below `/services`; `metadataPort` makes its metadata its own to tell. */
export function instanceJson(
  application: string,
  authority: string,
  revision: string,
  { metadataPort }: { readonly metadataPort?: number } = {},
): string {
  const [address, port] = authority.split(':');
  const local = { protocol: 'tri', port: String(metadataPort), version: '2.0.0' };
  const metadata = {
    'dubbo.endpoints': JSON.stringify([{ port: Number(port), protocol: 'dubbo' }]),
    'dubbo.metadata.revision': revision,
    'dubbo.metadata.storage-type': metadataPort === undefined ? 'remote' : 'local',
    ...(metadataPort !== undefined && {
      'dubbo.metadata-service.url-params': JSON.stringify(local),
      'meta-v': '2.0.0',
    }),
    timestamp: '1700000000000',
  };
  const payload = { '@class': 'org.apache.dubbo.registry.zookeeper.ZookeeperInstance', id: authority, metadata };
  return JSON.stringify({ name: application, id: authority, address, port: Number(port), payload });
}

/** A metadata report of an application that provides interfaces by dubbo://, with no version and group. */
export function metadataJson(app: string, revision: string, interfaces: readonly string[]): string {
  const services = interfaces.map((name) => [
    `${name}:dubbo`,
    { name, protocol: 'dubbo', path: name, params: { application: app, interface: name, side: 'provider' } },
  ]);
  return JSON.stringify({ app, revision, services: Object.fromEntries(services) });
}
