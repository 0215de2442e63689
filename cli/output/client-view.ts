import type { ClientResource } from '../../core/api/resources.js';
import type { ClientSubscription } from '../../core/sink/sink.js';
import { formatAge } from './duration.js';
import type { View } from './view.js';

/** Who is connected to a sink, and how far behind it is. */
export const clientView: View<ClientResource> = {
  plural: 'clients',
  name: ({ sink, node, peer }) => `${sink}/${node === '' ? peer : node}`,
  key: ({ sink, peer, part = '' }) => JSON.stringify([sink, peer, part]),
  columns: ['SINK', 'NODE', 'PEER', 'PART', 'CONNECTED', 'STATE', 'ACKED', 'LAG'],
  wideColumns: ['TYPES', 'ERRORS'],
  row: ({ sink, node, peer, part = 'all', connectedSinceMs, subscriptions }, nowMs) => {
    const state = worst(subscriptions);
    return [
      sink,
      node,
      peer,
      part,
      formatAge(nowMs - connectedSinceMs),
      { text: state, style: styles[state] },
      filled(subscriptions)
        .map(({ ackedVersion = '-' }) => ackedVersion)
        .join(','),
      formatLag(Math.max(0, ...subscriptions.map(({ lagMs }) => lagMs))),
    ];
  },
  wideRow: ({ subscriptions }) => [
    filled(subscriptions)
      .map(({ typeUrl }) => typeUrl)
      .join(','),
    [...new Set(subscriptions.flatMap(({ error }) => error ?? []))].join('; '),
  ],
};

const styles = { acked: 'green', sent: 'yellow', waiting: 'yellow', nacked: 'red' } as const;
const badness = ['acked', 'sent', 'waiting', 'nacked'] as const;

function worst(subscriptions: readonly ClientSubscription[]): ClientSubscription['state'] {
  const found = subscriptions.map(({ state }) => badness.indexOf(state));
  return badness[Math.max(0, ...found)] ?? 'acked';
}

/** Those that there is something of: istiod asks for many types that nobody fills, and each is `empty`. */
function filled(subscriptions: readonly ClientSubscription[]): readonly ClientSubscription[] {
  return subscriptions.filter(({ ackedVersion, state }) => ackedVersion !== 'empty' || state === 'nacked');
}

function formatLag(ms: number): string {
  return ms === 0 ? '0' : ms < 1000 ? `${ms}ms` : formatAge(ms);
}
