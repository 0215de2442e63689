import type { QuarantineResource } from '../../core/api/resources.js';
import { formatAge } from './duration.js';
import type { View } from './view.js';

export const quarantineView: View<QuarantineResource> = {
  plural: 'quarantines',
  name: ({ id }) => id,
  columns: ['ID', 'SOURCE', 'SERVICE', 'ADDRESS', 'LABELS', 'INSTANCES', 'ENDS', 'REASON'],
  wideColumns: ['FROM', 'SINCE'],
  row: ({ id, source = '*', service = '*', address = '*', labels = {}, matches, untilMs, reason }, nowMs) => [
    id,
    source,
    service,
    address,
    Object.entries(labels)
      .map(([key, glob]) => `${key}=${glob}`)
      .join(','),
    String(matches),
    untilMs === undefined ? 'never' : `in ${formatAge(untilMs - nowMs)}`,
    reason,
  ],
  wideRow: ({ from, sinceMs }) => [from, new Date(sinceMs).toISOString()],
};
