import type { XdsResource } from '../grpc/xds-resource.js';
import type { Defect } from './endpoint.js';
import type { ExposedService } from './exposure.js';

/** What one service contributes to a listener; pieces with equal signatures are the same. */
export interface Piece {
  /** Numbers of the service's ports that it sends to: each has a cluster. */
  readonly ports: readonly number[];
  readonly signature: string;
}

/** What a listener serves, made of the pieces of its services. */
export interface Assembled {
  readonly resources: readonly XdsResource[];
  /** By host: names that another service has already. */
  readonly defects: ReadonlyMap<string, readonly Defect[]>;
}

/** One kind of listener: what it takes of a service, and what it makes of all of them. Both are pure. */
export interface ListenerKind<Own extends Piece = Piece> {
  /** undefined: the service has no part in it. */
  pieceOf(exposed: ExposedService): Own | undefined;
  /** @param pieces by host, in order: of two that claim one name, the first has it */
  assemble(pieces: ReadonlyMap<string, Own>): Assembled;
}

/** Gathers defects by host. */
export class DefectBook {
  readonly byHost = new Map<string, Defect[]>();

  add(host: string, part: Defect['part'], of: string, reason: string): void {
    const known = this.byHost.get(host);
    if (known) known.push({ part, of, reason });
    else this.byHost.set(host, [{ part, of, reason }]);
  }
}
