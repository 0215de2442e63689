import { defaultWeight, type Instance, isRecord, printable, type Rejection } from '../../core/plugin/index.js';
import { type ApplicationInstance, instanceFrom } from '../dubbo/application-instance.js';
import { timestampFrom } from '../dubbo/parameters.js';
import type { Provider, ProviderReader } from '../dubbo/provider.js';
import type { ServiceRecords } from '../dubbo/service.js';
import type { DubboName } from './dubbo.js';
import { clusterOf, healthOf, type InstanceOptions, localityFrom, scaledWeight } from './instance.js';
import type { StringPool } from './metadata.js';
import { selects } from './selection.js';

const maxRejections = 100;

/** What reading Dubbo's instances needs. */
export interface DubboReading {
  readonly reader: ProviderReader;
  readonly options: InstanceOptions;
  readonly pool: StringPool;
}

/**
 * The providers of one interface, version and group, as Dubbo's `NacosRegistry` registers them: an instance a protocol,
 * whose metadata are the parameters of its URL. Nacos's health, weight and place are put over those.
 */
export function providersOf(name: DubboName, hosts: readonly unknown[], reading: DubboReading): ServiceRecords {
  const { interfaceName, version, group } = name;
  const providers: Provider[] = [];
  const rejected: Rejection[] = [];
  for (const host of hosts) {
    const outcome = readProvider(name, host, reading);
    if (outcome?.kind === 'provider') providers.push(outcome);
    else if (outcome && rejected.length < maxRejections) rejected.push(outcome.rejection);
  }
  return { interfaceName, id: { version, group }, providers, rejected };
}

function readProvider(name: DubboName, host: unknown, { reader, options, pool }: DubboReading) {
  const { interfaceName, version, group } = name;
  if (!isRecord(host)) return { kind: 'rejected', rejection: { record: '', reason: 'it is no JSON object' } } as const;
  const cluster = clusterOf(host, pool);
  if (!selects(options.clusters, cluster)) return undefined;
  const said = textsOf(host['metadata']);
  // Of two equal keys the first counts: the name of the service says what is provided.
  const parameters = reader.parameters.of(
    [
      ['interface', interfaceName],
      ['version', version],
      ['group', group],
      ['nacos.cluster', cluster],
      ['nacos.ephemeral', host['ephemeral'] === false ? 'false' : 'true'],
      ...said.filter(([key]) => !ownKeys.has(key)),
    ],
    timestampFrom(textOf(said, 'timestamp')),
  );
  const { ip, port } = host;
  const outcome = reader.readRecord({
    mode: 'interface',
    interfaceName,
    protocol: textOf(said, 'protocol') || 'dubbo',
    host: typeof ip === 'string' ? ip : '',
    port: typeof port === 'number' ? port : '',
    path: textOf(said, 'path') || interfaceName,
    parameters,
    shown: () => printable(`${typeof ip === 'string' ? ip : ''}:${typeof port === 'number' ? port : ''}`),
  });
  if (outcome.kind !== 'provider') return outcome.kind === 'rejected' ? outcome : undefined;
  return { ...outcome, instance: withRegistrysWord(outcome.instance, host, cluster, options, pool) };
}

const ownKeys: ReadonlySet<string> = new Set(['interface', 'version', 'group', 'nacos.cluster', 'nacos.ephemeral']);

function withRegistrysWord(
  instance: Instance,
  host: Readonly<Record<string, unknown>>,
  cluster: string,
  options: InstanceOptions,
  pool: StringPool,
): Instance {
  const { healthy, enabled, weight } = host;
  const locality = instance.locality ?? localityFrom(instance.metadata, cluster, options, pool);
  return {
    ...instance,
    health: healthOf(healthy, enabled) === 'unhealthy' ? 'unhealthy' : instance.health,
    weight: scaledWeight(weight, instance.weight),
    ...(locality && { locality }),
  };
}

/** Whether any of the instances registered itself by application. */
export function isApplication(hosts: readonly unknown[]): boolean {
  return hosts.some((host) => {
    const metadata = isRecord(host) ? host['metadata'] : undefined;
    return isRecord(metadata) && typeof metadata['dubbo.metadata.revision'] === 'string';
  });
}

/** The instances of an application, and what was left out of them. */
export function applicationInstances(
  application: string,
  hosts: readonly unknown[],
  { options, pool }: DubboReading,
): readonly ApplicationInstance[] {
  const instances: ApplicationInstance[] = [];
  for (const host of hosts) {
    if (!isRecord(host)) continue;
    const cluster = clusterOf(host, pool);
    if (!selects(options.clusters, cluster)) continue;
    const { ip, port, metadata, healthy, enabled, weight, ephemeral } = host;
    const said = isRecord(metadata) ? metadata : {};
    const locality = localityFrom(said, cluster, options, pool);
    const outcome = instanceFrom({
      application,
      host: ip,
      port,
      metadata: { ...said, 'nacos.cluster': cluster, 'nacos.ephemeral': ephemeral === false ? 'false' : 'true' },
      health: healthOf(healthy, enabled),
      weight: scaledWeight(weight, defaultWeight),
      ...(locality && { locality }),
    });
    if (outcome.kind === 'instance') instances.push(outcome.instance);
  }
  return instances;
}

function textsOf(metadata: unknown): (readonly [string, string])[] {
  if (!isRecord(metadata)) return [];
  const entries: [string, string][] = [];
  for (const key in metadata) {
    const value = metadata[key];
    if (typeof value === 'string') entries.push([key, value]);
  }
  return entries;
}

function textOf(entries: readonly (readonly [string, string])[], wanted: string): string {
  return entries.find(([key]) => key === wanted)?.[1] ?? '';
}
