import type { HistoryCause, HistoryEntry, HostDelta, InstanceBefore, OriginDelta } from '../../core/history/entry.js';
import { isChange } from '../../core/history/entry.js';
import type { HostDifference } from '../../core/history/history.js';
import type { Instance } from '../../core/model/index.js';
import { formatAge } from './duration.js';
import type { Cell } from './table.js';
import type { View } from './view.js';

/** In a table; the whole of it is in -o json and -o yaml. */
const maxShown = 4;
const kindStyles = { added: 'green', changed: 'yellow', removed: 'red' } as const;

/** What happened, an entry a row. */
export const entryView: View<HistoryEntry> = {
  plural: 'entries',
  name: (entry) => `${timeOf(entry.atMs)} ${isChange(entry) ? entry.host : ''} ${entry.kind}`.replace('  ', ' '),
  columns: ['TIME', 'HOST', 'CHANGE', 'SOURCE', 'CAUSE', 'WHAT'],
  wideColumns: ['SERVICE', 'VERSION'],
  row: (entry) => {
    if (isChange(entry)) {
      const { atMs, host, kind, source, cause } = entry;
      return [timeOf(atMs), host, { text: kind, style: kindStyles[kind] }, source, causeOf(cause), whatOf(entry)];
    }
    return [
      timeOf(entry.atMs),
      '',
      { text: entry.kind, style: entry.kind === 'gap' ? 'red' : 'dim' },
      '',
      '',
      markOf(entry),
    ];
  },
  wideRow: (entry) => (isChange(entry) ? [entry.service, entry.version] : ['', '']),
};

/** What differs between two moments, a host a row. */
export const differenceView: View<HostDifference> = {
  plural: 'differences',
  name: ({ host }) => host,
  columns: ['HOST', 'CHANGE', 'CAUSE', 'LAST', 'WHAT'],
  wideColumns: ['ENTRIES', 'VERSION'],
  row: (difference, nowMs): readonly Cell[] => {
    const { host, kind, entries } = difference;
    const causes = [...new Set(entries.map(({ cause }) => causeOf(cause)))].join(', ');
    const last = entries.at(-1);
    const age = last ? `${formatAge(nowMs - last.atMs)} ago` : '';
    return [host, { text: kind, style: kindStyles[kind] }, causes, age, whatOf(difference)];
  },
  wideRow: ({ entries, version }) => [String(entries.length), version],
};

/** Local time, to the second. */
function timeOf(ms: number): string {
  const date = new Date(ms);
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function causeOf(cause: HistoryCause): string {
  return 'detail' in cause ? `${cause.kind}: ${cause.detail}` : cause.kind;
}

function markOf(entry: Exclude<HistoryEntry, HostDelta>): string {
  if (entry.kind === 'stopped') return 'the daemon stopped';
  if (entry.kind === 'gap') {
    return entry.dropped > 0 ? `${entry.dropped} changes were not recorded` : 'a part of the history lacks';
  }
  return `the daemon started, version ${entry.version}${entry.configChanged ? ', with another configuration' : ''}`;
}

function whatOf({ ports, metadata, origins }: HostDelta): string {
  const parts = origins.flatMap(originParts);
  const shown = parts.length > maxShown ? [...parts.slice(0, maxShown), `${parts.length - maxShown} more`] : parts;
  return [...shown, ...(ports ? ['ports'] : []), ...(metadata ? ['metadata'] : [])].join(', ');
}

function originParts({
  source,
  active,
  wasActive,
  isGone,
  added,
  changed,
  removed,
}: HostDelta['origins'][number]): string[] {
  return [
    ...(isGone ? [`source ${source} gone`] : []),
    ...(wasActive === undefined ? [] : [`source ${source} ${active ? 'merged in' : 'merged out'}`]),
    ...added.map((instance) => `+${endpointOf(instance)}`),
    ...removed.map((instance) => `-${endpointOf(instance)}`),
    ...changed.map(({ instance, was }) => `~${endpointOf(instance)} ${beforeOf(instance, was)}`),
  ];
}

function endpointOf({ address, ports }: OriginDelta['removed'][number]): string {
  const [port] = Object.values(ports);
  const host = address.includes(':') ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}

function beforeOf(instance: Instance, was: InstanceBefore): string {
  const words: string[] = [];
  if (was.health !== undefined) words.push(`${was.health} → ${instance.health}`);
  if (was.weight !== undefined) words.push(`weight ${was.weight} → ${instance.weight}`);
  if (was.address !== undefined) words.push(`from ${was.address}`);
  for (const key of ['ports', 'locality', 'network', 'metadata'] as const) if (was[key] !== undefined) words.push(key);
  return words.join(' ');
}
