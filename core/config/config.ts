import type { HostTemplate } from '../catalog/host-template.js';
import type { MergePolicy } from '../catalog/merge.js';
import type { AddressPolicy } from '../shape/address-policy.js';
import type { ShapeRule } from '../shape/shaper.js';
import type { HostPort } from './fields.js';
import type { GuardsConfig, SourceGuardsConfig } from './guard-rules.js';
import type { Secret } from './secret.js';

/** The configuration, checked, with defaults filled in and secrets resolved. Immutable. */
export interface Config {
  /** This site's name, a DNS label; marks what this site writes. */
  readonly site: string;
  readonly api: ApiConfig;
  /** Folder of everything kept on disk; relative to the working directory. */
  readonly data: string;
  readonly log: LogConfig;
  /** In order of precedence, with unique names. */
  readonly sources: readonly SourceConfig[];
  /** The first that matches names a service. */
  readonly naming: readonly NamingConfig[];
  readonly merge: MergeConfig;
  readonly shape: readonly ShapeRule[];
  readonly quarantine: readonly QuarantineConfig[];
  /** Of every source that has none of its own. */
  readonly guards: GuardsConfig;
  readonly warmStart: WarmStartConfig;
  readonly history: HistoryConfig;
  /** With unique names. */
  readonly sinks: readonly SinkConfig[];
}

export interface ApiConfig {
  readonly listen: HostPort;
  /** Bearer token that every request but health checks must carry. */
  readonly token?: Secret;
  /** Names beside the loopback ones that a request's Host header may have. */
  readonly allowedHosts: readonly string[];
}

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export const logFormats = ['json', 'pretty'] as const;

export interface LogConfig {
  readonly level: (typeof logLevels)[number];
  readonly format: (typeof logFormats)[number];
}

export interface SourceConfig {
  readonly name: string;
  readonly kind: string;
  /** Whether sinks wait for it before they serve. */
  readonly required: boolean;
  /** How long they wait. */
  readonly graceMs: number;
  /** How long it may be degraded before it counts as stale. */
  readonly staleAfterMs: number;
  readonly addresses: AddressPolicy;
  /** Take the place of the general ones. */
  readonly guards?: SourceGuardsConfig;
  /** Output of the schema of the adapter for `kind`. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface SinkConfig {
  /** Unless given, the kind. */
  readonly name: string;
  readonly kind: string;
  /** Output of the schema of the sink for `kind`. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface QuarantineConfig {
  readonly source?: string | undefined;
  readonly service?: string | undefined;
  readonly address?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly until?: number | undefined;
}

export interface WarmStartConfig {
  readonly enabled: boolean;
  /** How long a start waits for a registry before what was kept is served. */
  readonly graceMs: number;
  readonly maxBytes: number;
}

export interface HistoryConfig {
  readonly enabled: boolean;
  readonly maxAgeMs: number;
  readonly maxBytes: number;
}

export interface NamingConfig {
  /** Name of a source; absent: every source. */
  readonly source?: string;
  /** Glob over the service's name in the registry's terms; absent: every service. */
  readonly service?: string;
  readonly host: HostTemplate;
  readonly aliases?: readonly HostTemplate[];
}

export interface MergeConfig {
  readonly default: MergePolicy;
  /** The first whose glob matches the host counts. */
  readonly rules: readonly { readonly host: string; readonly policy: MergePolicy }[];
}
