import { createHash } from 'node:crypto';
import type { Service } from '../model/index.js';
import { matchesGlob } from './glob.js';
import type { HostTemplate } from './host-template.js';

/** Names services; the first rule that matches a service wins. */
export interface NamingRule {
  /** Name of a source; absent: every source. */
  readonly source?: string;
  /** Glob over the service's name in the registry's terms; absent: every service. */
  readonly service?: string;
  readonly host: HostTemplate;
  /** Other hosts that the service has too. */
  readonly aliases?: readonly HostTemplate[];
}

/** The hosts of a service, the first its own; and why a host could not be made. */
export interface Named {
  readonly hosts: readonly string[];
  readonly reasons: readonly string[];
}

const noReasons: readonly string[] = [];

export class Naming {
  readonly #rules: readonly NamingRule[];
  readonly #defaults: ReadonlyMap<string, HostTemplate>;

  /** @param defaults name of a source → the template of its kind */
  constructor(rules: readonly NamingRule[], defaults: ReadonlyMap<string, HostTemplate>) {
    this.#rules = rules;
    this.#defaults = defaults;
  }

  /** The hosts of a service of `source`. Without a host of its own it has none: an alias alone would be a surprise. */
  hostsOf(source: string, service: Service): Named {
    const rule = this.#rules.find(
      (candidate) =>
        (candidate.source === undefined || candidate.source === source) &&
        (candidate.service === undefined || matchesGlob(candidate.service, service.name)),
    );
    const template = rule?.host ?? this.#defaults.get(source);
    if (!template) return { hosts: [], reasons: [`no naming template for source ${source}`] };
    const own = template.render(service.attributes);
    if ('reason' in own) return { hosts: [], reasons: [own.reason] };
    if (!rule?.aliases) return { hosts: [own.host], reasons: noReasons };
    const aliases = rule.aliases.map((alias) => alias.render(service.attributes));
    const hosts = new Set([own.host, ...aliases.flatMap((alias) => ('host' in alias ? [alias.host] : []))]);
    return { hosts: [...hosts], reasons: aliases.flatMap((alias) => ('reason' in alias ? [alias.reason] : [])) };
  }
}

/**
 * The host of a service whose own host is taken by another service of the same source (case-only twins, names that DNS
 * cannot tell apart): a digest of the registry's name on the first label, so it depends on nothing but the two names.
 */
export function hostOfTwin(host: string, serviceName: string): string {
  const digest = createHash('sha256').update(serviceName).digest('hex').slice(0, 8);
  const [first = '', ...rest] = host.split('.');
  // A label holds 63 characters, 9 of them for the dash and the digest; a name 253.
  const room = Math.min(63, 63 + 253 - host.length) - digest.length - 1;
  const label = `${first.slice(0, Math.max(1, room)).replace(/-+$/, '')}-${digest}`;
  // A short first label has nothing to give: the next labels make room.
  while (rest.length > 0 && [label, ...rest].join('.').length > 253) rest.shift();
  return [label, ...rest].join('.');
}
