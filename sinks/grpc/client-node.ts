import type { Node } from '../../proto/gen/discovery.js';

/** What a client says of itself with its first request; texts are empty where it says nothing. */
export interface ClientNode {
  readonly id: string;
  readonly cluster: string;
  /** `region/zone/subzone`, without what is unknown at its end. */
  readonly locality: string;
  readonly userAgent: string;
}

/** The node of a client that has said nothing yet. */
export const unknownNode: ClientNode = { id: '', cluster: '', locality: '', userAgent: '' };

export function clientNode({ id, cluster, locality, userAgentName }: Node): ClientNode {
  const { region = '', zone = '', subZone = '' } = locality ?? {};
  return { id, cluster, locality: [region, zone, subZone].join('/').replace(/\/+$/, ''), userAgent: userAgentName };
}
