import type { PlannedChange } from '../../core/preview/preview-catalog.js';
import { formatPorts, type View } from './view.js';

const styles = { added: 'green', changed: 'yellow', removed: 'red' } as const;

/** What a changed configuration would do to one host. */
export const planView: View<PlannedChange> = {
  plural: 'changes',
  name: ({ host }) => host,
  columns: ['HOST', 'CHANGE', 'INSTANCES', 'PORTS', 'METADATA', 'SOURCES'],
  wideColumns: ['SERVICES'],
  row: ({ host, kind, ports, portsBefore, metadata, metadataBefore, origins }) => [
    host,
    { text: kind, style: styles[kind] },
    formatInstances(origins),
    kind === 'removed' || ports === undefined
      ? ''
      : `${kind === 'added' ? '' : `${formatPorts(portsBefore ?? [])} → `}${formatPorts(ports)}`,
    kind === 'changed' && metadata !== undefined ? formatKeys(metadataBefore ?? {}, metadata) : '',
    origins.map(({ source, isGone, active }) => (isGone ? `-${source}` : active ? source : `(${source})`)).join(','),
  ],
  wideRow: ({ origins }) => [[...new Set(origins.map(({ service }) => service))].join(',')],
};

function formatInstances(origins: PlannedChange['origins']): string {
  const count = (of: (origin: PlannedChange['origins'][number]) => number) =>
    origins.reduce((sum, each) => sum + of(each), 0);
  const parts = [
    ['+', count(({ added }) => added.length)],
    ['-', count(({ removed }) => removed.length)],
    ['~', count(({ changed }) => changed.length)],
  ] as const;
  return parts.flatMap(([sign, number]) => (number === 0 ? [] : [`${sign}${number}`])).join(' ');
}

function formatKeys(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): string {
  const added = Object.keys(after).filter((key) => before[key] !== after[key]);
  const removed = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  return [...added.map((key) => `+${key}`), ...removed.map((key) => `-${key}`)].slice(0, 5).join(',');
}
