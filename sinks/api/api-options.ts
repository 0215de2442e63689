import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Catalog } from '../../core/catalog/catalog.js';
import type { HostPort, Secret } from '../../core/plugin/index.js';
import type { SourceStatus } from '../../core/source/status.js';
import type { PartReadiness } from './readiness.js';

export interface ApiServerOptions {
  /** Port 0: the system chooses one. */
  readonly listen: HostPort;
  /** When given, everything but /healthz and /readyz needs it. */
  readonly token?: Secret;
  /** Host names beside the loopback ones that a request may be for, lower case. */
  readonly allowedHosts?: readonly string[];
  readonly catalog: Catalog;
  readonly sources: () => readonly SourceStatus[];
  /** What has to listen before the daemon is ready. */
  readonly sinksReady: () => readonly PartReadiness[];
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
