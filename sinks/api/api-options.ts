import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Catalog } from '../../core/catalog/catalog.js';
import type { CatalogProblem } from '../../core/catalog/live-catalog.js';
import type { History } from '../../core/history/history.js';
import type { HostPort, Secret } from '../../core/plugin/index.js';
import type { SinkStatus } from '../../core/sink/sink.js';
import type { SourceStatus } from '../../core/source/status.js';

/** A sink as the API shows it. */
export interface SinkState extends SinkStatus {
  readonly name: string;
  readonly kind: string;
}

export interface ApiServerOptions {
  /** Port 0: the system chooses one. */
  readonly listen: HostPort;
  /** When given, everything but /healthz and /readyz needs it. */
  readonly token?: Secret;
  /** Host names beside the loopback ones that a request may be for, lower case. */
  readonly allowedHosts?: readonly string[];
  readonly catalog: Catalog;
  readonly sources: () => readonly SourceStatus[];
  /** Each has to be ready before the daemon is. */
  readonly sinks: () => readonly SinkState[];
  /** What the catalog could not do as asked, now. */
  readonly problems: () => readonly CatalogProblem[];
  /** Required sources that were never read. */
  readonly missing: () => readonly string[];
  /** The catalog's past; absent when none is kept. */
  readonly history?: History;
  /** Served on /metrics; the server adds its own. */
  readonly metrics: Registry;
  readonly logger: Logger;
  /** Open watches at a time. Default 100. */
  readonly maxWatchers?: number;
  /** Connections at a time. Default 1024. */
  readonly maxConnections?: number;
  /** How long a client may take to send the head of a request. Default 5000. */
  readonly headersTimeoutMs?: number;
  /** How long a client may take to send a request. Default 15000. */
  readonly requestTimeoutMs?: number;
  /** How long a handler of a plug-in may take. Default 30000. */
  readonly handlerTimeoutMs?: number;
  /** A watch that is silent for this long sends a heartbeat. Default 15000. */
  readonly heartbeatMs?: number;
  /** A watch whose reader takes nothing for this long is ended. Default 30000. */
  readonly stallMs?: number;
}
