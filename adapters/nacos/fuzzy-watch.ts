import { isRecord } from '../../core/model/is-record.js';
import type { NacosConnection } from './connection.js';
import { NacosError } from './nacos-error.js';
import type { Message } from './payload.js';
import { formatServiceKey, parseServiceKey, type ServiceKey } from './service-key.js';

/** `FUZZY_WATCH_PATTERN_OVER_LIMIT` and `FUZZY_WATCH_PATTERN_MATCH_COUNT_OVER_LIMIT`: 20 patterns, 500 services each. */
const overLimitCodes = [50310, 50311];

/** Names that a server of 3.0 or newer pushes by itself. */
export type NameChange = { readonly kind: 'added' | 'gone'; readonly key: ServiceKey };

/**
 * Asks the server to push the names of services that come and go (`NamingFuzzyWatchRequest`), by patterns
 * `namespace>>group>>name`. Asked again it pushes what `known` lacks or has too much of.
 *
 * @returns false when there are more services than the server watches: it then leaves out some, without a word
 * @throws NacosError when the server refuses
 */
export async function watchNames(
  connection: NacosConnection,
  namespace: string,
  groups: readonly string[] | undefined,
  known: readonly ServiceKey[],
): Promise<boolean> {
  for (const group of groups ?? ['*']) {
    const received = known.filter((key) => groups === undefined || key.group === group);
    try {
      await connection.request('NamingFuzzyWatchRequest', {
        module: 'naming',
        namespace,
        groupKeyPattern: `${namespace}>>${group}>>*`,
        watchType: 'WATCH',
        initializing: received.length === 0,
        receivedGroupKeys: received.map(formatServiceKey),
      });
    } catch (error) {
      if (error instanceof NacosError && overLimitCodes.includes(error.code)) return false;
      throw error;
    }
  }
  return true;
}

/** What a push says about names; nothing when it says something else. */
export function nameChanges({ type, body }: Message): readonly NameChange[] {
  if (type === 'NamingFuzzyWatchChangeNotifyRequest') return toChange(body);
  if (type !== 'NamingFuzzyWatchSyncRequest') return [];
  const { contexts } = body;
  return Array.isArray(contexts) ? contexts.flatMap((context) => (isRecord(context) ? toChange(context) : [])) : [];
}

function toChange({ serviceKey, changedType }: Readonly<Record<string, unknown>>): NameChange[] {
  const key = typeof serviceKey === 'string' ? parseServiceKey(serviceKey) : undefined;
  if (!key) return [];
  if (changedType === 'ADD_SERVICE' || changedType === 'INSTANCE_CHANGED') return [{ kind: 'added', key }];
  return changedType === 'DELETE_SERVICE' ? [{ kind: 'gone', key }] : [];
}
