import type { Service } from '../../core/plugin/index.js';

/** One service of a datacenter, as the session reading it sees it. */
export interface ServiceState {
  /** In Consul. */
  readonly name: string;
  /** Of the answer that was read last; 0 before there was one. */
  index: number;
  /** What was published last; undefined while there is nothing to publish. */
  service: Service | undefined;
  /** Tags in the catalog's list, as one text. */
  tags: string;
  /** Whether the catalog's list has it. */
  listed: boolean;
  /** Nodes that its instances are on. */
  nodes: ReadonlySet<string>;
  /** Reads in a row that failed for this service alone. */
  failures: number;
  /** Whether a retry after a failure is on its way. */
  retrying: boolean;
  /** Ends the blocking query that follows it; undefined while it has none. */
  watch: AbortController | undefined;
  /** When it changed last, in milliseconds since the epoch; 0: not since the listing. */
  changedMs: number;
}

export function newServiceState(name: string, service: Service | undefined): ServiceState {
  return {
    name,
    index: 0,
    service,
    tags: '',
    listed: true,
    nodes: new Set(),
    failures: 0,
    retrying: false,
    watch: undefined,
    changedMs: 0,
  };
}
