import type { HoldStatus } from '../../core/guard/hold.js';
import { formatAge } from './duration.js';
import type { View } from './view.js';

/** A change that a guard holds back; an operator's order to hold is one that holds nothing yet. */
export const holdView: View<HoldStatus> = {
  plural: 'holds',
  name: ({ source, service }) => `${source}/${service}`,
  columns: ['SOURCE', 'SERVICE', 'GUARD', 'INSTANCES', 'AGE', 'ENDS', 'REASON'],
  wideColumns: ['IDS'],
  row: ({ source, service, guard, count, sinceMs, untilMs, reason }, nowMs) => [
    source,
    service,
    { text: guard, style: 'red' },
    String(count),
    formatAge(nowMs - sinceMs),
    untilMs === undefined ? 'when read' : `in ${formatAge(untilMs - nowMs)}`,
    reason,
  ],
  wideRow: ({ instances }) => [instances.join(',')],
};
