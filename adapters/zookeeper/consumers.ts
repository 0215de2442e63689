import { type Consumer, checkAddress, metadataFrom } from '../../core/plugin/index.js';
import { parseDubboUrl } from '../dubbo/dubbo-url.js';
import { ParameterReader, RecentParameters } from '../dubbo/parameters.js';
import type { ServiceId } from '../dubbo/provider.js';
import { Breather } from './breather.js';

/** A child of a `consumers` node: who consumes which versions and groups of an interface. */
export interface ConsumerRecord {
  /** As declared: one, several parted by commas, or `*` for any. */
  readonly version: string;
  readonly group: string;
  readonly consumer: Consumer;
}

/** Metadata of a consumer that say more than that it is one. */
const kept = ['release', 'protocol', 'timeout', 'retries', 'loadbalance', 'cluster'] as const;
const maxIdLength = 300;

/**
 * Reads the children of a `consumers` node. Dubbo writes them as `consumer://host/interface?…`, or with the protocol that
 * the consumer asks for and `category=consumers`. What is no such URL is left out: it declares nothing.
 */
export async function readConsumers(childNames: readonly string[], signal: AbortSignal): Promise<ConsumerRecord[]> {
  const reader = new ParameterReader();
  const recent = new RecentParameters();
  const breather = new Breather();
  const records: ConsumerRecord[] = [];
  for (const childName of childNames) {
    if (breather.isDue) await breather.breathe(signal);
    const url = parseDubboUrl(childName);
    if (url === undefined) continue;
    const parameters = reader.read(url, recent);
    if (url.protocol !== 'consumer' && parameters.list.get('category') !== 'consumers') continue;
    const address = checkAddress(url.host);
    const application = parameters.list.get('application').slice(0, 255);
    const host = address.ok ? address.address : '';
    const entries = kept.map((key) => [key, parameters.list.get(key)] as const).filter(([, value]) => value !== '');
    records.push({
      version: parameters.list.get('version'),
      group: parameters.list.get('group'),
      consumer: {
        id: `${application}@${host}#${parameters.timestampMs}`.slice(0, maxIdLength),
        application,
        address: host,
        metadata: metadataFrom(entries),
      },
    });
  }
  return records;
}

/** Whether a consumer's word for a version or a group means this one (org.apache.dubbo.common.utils.UrlUtils.isMatch). */
function means(word: string, value: string): boolean {
  return (
    word === value || word === '*' || (word.includes(',') && word.split(',').some((part) => part.trim() === value))
  );
}

/** Whether a word names one version or group alone. */
function isPlain(word: string): boolean {
  return word !== '*' && !word.includes(',');
}

/**
 * Consumers by the service that they consume. One that names a version and a group alone consumes that service whether
 * it has a provider or not; others consume those of `known` that they mean.
 */
export function consumersByService(
  records: readonly ConsumerRecord[],
  known: readonly ServiceId[],
  nameOf: (id: ServiceId) => string,
): Map<string, Consumer[]> {
  const byService = new Map<string, Map<string, Consumer>>();
  const add = (id: ServiceId, consumer: Consumer) => {
    const name = nameOf(id);
    const list = byService.get(name) ?? new Map<string, Consumer>();
    byService.set(name, list);
    list.set(consumer.id, consumer);
  };
  for (const { version, group, consumer } of records) {
    if (isPlain(version) && isPlain(group)) add({ version, group }, consumer);
    else for (const id of known) if (means(version, id.version) && means(group, id.group)) add(id, consumer);
  }
  return new Map([...byService].map(([name, list]) => [name, [...list.values()]]));
}
