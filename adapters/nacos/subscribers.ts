import type { Logger } from 'pino';
import {
  type Clock,
  type Consumer,
  checkAddress,
  emptyMetadata,
  isRecord,
  printable,
} from '../../core/plugin/index.js';
import type { NacosCredentials } from './credentials.js';
import type { NacosHttp } from './http-client.js';
import { isRefused, isUnsupported, NacosError } from './nacos-error.js';
import type { RequestGate } from './request-gate.js';
import { formatGroupedName, formatServiceKey, type ServiceKey } from './service-key.js';

const tickMs = 1000;
const pageSize = 1000;
/** How {@link GrpcConnection} calls itself. */
const ownAgent = 'Isthmus';

export interface SubscribersOptions {
  readonly http: NacosHttp;
  readonly credentials: NacosCredentials;
  readonly gate: RequestGate;
  readonly clock: Clock;
  readonly logger: Logger;
  /** In this time each service is asked for once, evenly spread. */
  readonly intervalMs: number;
  /** Services that the registry has, by its own names. */
  readonly services: () => readonly ServiceKey[];
  /** Whether the registry has one of them still: what is said of one that went meanwhile is over. */
  readonly has: (key: ServiceKey) => boolean;
  /** Who subscribes to a service, the first thousand. */
  readonly onSubscribers: (key: ServiceKey, subscribers: readonly Consumer[]) => void;
  readonly notice: (key: string, text: string | undefined) => void;
}

/**
 * Asks which clients have subscribed to each service, a few at a time: `/v1/ns/service/subscribers`, on 3.x
 * `/v3/admin/ns/service/subscribers`, which is for administrators. Settles when `signal` aborts; never rejects.
 */
export async function followSubscribers(options: SubscribersOptions, signal: AbortSignal): Promise<void> {
  const { clock, intervalMs, services, has, onSubscribers, notice, logger } = options;
  let queue: readonly ServiceKey[] = [];
  let next = 0;
  let due = 0;
  let waitMs = tickMs;
  while (!signal.aborted) {
    // Only the abort ends the sleep early, and the loop looks at that.
    await clock.sleep(waitMs * (0.9 + 0.2 * Math.random()), signal).catch(() => undefined);
    waitMs = tickMs;
    if (next >= queue.length) {
      queue = services();
      next = 0;
    }
    due = Math.min(queue.length, due + (queue.length * tickMs) / intervalMs);
    const batch = queue.slice(next, next + Math.floor(due));
    due -= Math.floor(due);
    next += batch.length;
    for (const key of batch) {
      if (!has(key)) continue;
      try {
        const subscribers = await readSubscribers(options, key, signal);
        if (has(key)) onSubscribers(key, subscribers);
        notice('subscribers', undefined);
      } catch (error) {
        if (signal.aborted) return;
        logger.debug({ err: error, service: formatServiceKey(key) }, 'the subscribers of a service cannot be read');
        if (!isRefused(error) && !isUnsupported(error)) continue;
        notice('subscribers', `who subscribes to services cannot be read: ${(error as Error).message}`);
        waitMs = intervalMs;
        break;
      }
    }
  }
}

/** @throws NacosError when they cannot be read */
async function readSubscribers(
  { http, credentials, gate }: SubscribersOptions,
  { namespace, group, name }: ServiceKey,
  signal: AbortSignal,
): Promise<readonly Consumer[]> {
  const read = (path: string, serviceName: string) => {
    const page = { pageNo: '1', pageSize: String(pageSize) };
    const query = { namespaceId: namespace, groupName: group, serviceName, ...page };
    return gate.run(
      () =>
        credentials.authorized({ kind: 'naming', group, service: name }, (proof) =>
          http.request({ path, query, credentials: proof }, signal),
        ),
      signal,
    );
  };
  let entries: unknown;
  try {
    entries = (await read('/v1/ns/service/subscribers', formatGroupedName(group, name)))['subscribers'];
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    const { data } = await read('/v3/admin/ns/service/subscribers', name);
    entries = isRecord(data) ? data['pageItems'] : undefined;
  }
  if (!Array.isArray(entries)) throw new NacosError('the answer is no list of subscribers', 0);
  const consumers = new Map<string, Consumer>();
  for (const entry of entries.slice(0, pageSize) as readonly unknown[]) {
    const consumer = isRecord(entry) ? toConsumer(entry) : undefined;
    if (consumer) consumers.set(consumer.id, consumer);
  }
  return [...consumers.values()];
}

function toConsumer(entry: Readonly<Record<string, unknown>>): Consumer | undefined {
  const { ip, agent } = entry;
  if (agent === ownAgent) return undefined;
  const found = checkAddress(typeof ip === 'string' ? ip : '');
  if (!found.ok) return undefined;
  const app = printable(entry['app'] ?? entry['appName']);
  const application = app === 'unknown' || app === '-' ? '' : app;
  return { id: `${application}@${found.address}`, application, address: found.address, metadata: emptyMetadata };
}
