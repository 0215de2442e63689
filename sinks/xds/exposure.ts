import type { CatalogService } from '../../core/catalog/catalog.js';
import { matchesGlob, type Port, type Protocol } from '../../core/plugin/index.js';
import { isDnsName } from '../istio/dns-names.js';
import type { Defect } from './endpoint.js';
import type { GatewayConfig, HostFilter, RetryConfig, RuleConfig } from './gateway-config.js';

/** A service as one gateway exposes it. */
export interface ExposedService {
  readonly service: CatalogService;
  readonly host: string;
  /** What clients call it by, its own first. */
  readonly domains: readonly string[];
  /** Names that it may have together with other services, which divide the paths. */
  readonly sharedDomains: readonly string[];
  readonly paths: readonly string[];
  readonly stripPath: boolean;
  readonly timeoutMs: number;
  readonly retry: RetryConfig | false;
  readonly thriftService: string;
  /** The port for a protocol of these: the one a rule names, or the lowest. */
  portOf(protocols: readonly Protocol[]): Port | undefined;
  /** Whether a rule chooses the port. */
  readonly hasChosenPort: boolean;
}

export function isExposed({ include, exclude }: HostFilter, host: string): boolean {
  const matches = (pattern: string) => matchesGlob(pattern, host);
  return (include === undefined || include.some(matches)) && !exclude.some(matches);
}

const noRule: Omit<RuleConfig, 'hosts'> = { domains: [], paths: ['/'], stripPath: false };

/** What a gateway makes of a service, or undefined when it does not expose it. `defects`: names that cannot be used. */
export function expose(
  service: CatalogService,
  gateway: GatewayConfig,
): { readonly exposed: ExposedService; readonly defects: readonly Defect[] } | undefined {
  const { host } = service;
  if (!isExposed(gateway.services, host)) return undefined;
  const rule = gateway.rules.find(({ hosts }) => hosts.some((pattern) => matchesGlob(pattern, host))) ?? noRule;
  const domains = gateway.domain === undefined ? [host] : [host, `${host}.${gateway.domain}`];
  const defects: Defect[] = domains
    .filter((domain) => !isDnsName(domain))
    .map((domain) => ({ part: 'domain', of: domain, reason: 'it is no DNS name: too long, or of no valid labels' }));
  const ports = [...service.ports].sort((a, b) => a.number - b.number);
  const { port: chosen } = rule;
  const exposed: ExposedService = {
    service,
    host,
    domains: domains.filter(isDnsName),
    sharedDomains: [...new Set(rule.domains)].filter((domain) => !domains.includes(domain)),
    paths: [...new Set(rule.paths)],
    stripPath: rule.stripPath,
    timeoutMs: rule.timeoutMs ?? gateway.timeoutMs,
    retry: rule.retry ?? gateway.retry,
    thriftService: rule.thriftService ?? host,
    hasChosenPort: chosen !== undefined,
    portOf: (protocols) =>
      ports.find(({ name, protocol }) => protocols.includes(protocol) && (chosen === undefined || name === chosen)),
  };
  return { exposed, defects };
}
