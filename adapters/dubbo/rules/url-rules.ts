import type { RegistryRule } from '../../../core/plugin/index.js';
import { shownUrl } from '../secrets.js';
import type { ServiceRecords } from '../service.js';
import { configuratorRule, shown } from './config-rule.js';
import { type Configurator, inOrder, matchesService, withoutEffect } from './configurator.js';
import { parseConfiguratorUrl } from './configurator-url.js';
import { parseRouterUrl } from './route-rule.js';
import { type RuleHead, rejectedRule } from './rule.js';

/** One rule below an interface, and for which of its services it is. */
export interface UrlRule {
  readonly rule: RegistryRule;
  /** For which services; undefined for all of the interface. */
  readonly configurator: Configurator | undefined;
}

/** The rules of one category below one interface. */
export interface UrlRules {
  /** In the order in which they are applied. */
  readonly configurators: readonly Configurator[];
  readonly rules: readonly UrlRule[];
}

export const noUrlRules: UrlRules = { configurators: [], rules: [] };
const maxRules = 1000;

/** `<root>/<interface>/configurators`, whole. Never throws. */
export function readConfiguratorUrls(prefix: string, childNames: readonly string[]): UrlRules {
  const rules: UrlRule[] = [];
  const configurators: Configurator[] = [];
  let isCleared = false;
  for (const name of childNames.slice(0, maxRules)) {
    try {
      const { head, configurator, isEmpty } = parseConfiguratorUrl(idOf(prefix, name), name);
      // Configurator.toConfigurators: one empty:// takes all away.
      if (isEmpty) isCleared = true;
      if (!configurator) continue;
      rules.push({ rule: configuratorRule(head, [configurator]), configurator });
      if (withoutEffect(configurator) === undefined) configurators.push(configurator);
    } catch (error) {
      rules.push({ rule: rejectedRule(headOf(prefix, name, 'override'), error), configurator: undefined });
    }
  }
  if (!isCleared) return { configurators: inOrder(configurators), rules: withOwnIds(rules) };
  const cleared = rules.map(({ rule, configurator }) => ({
    rule: rule.effect === 'applied' ? shown(rule, 'an empty:// beside it takes it away') : rule,
    configurator,
  }));
  return { configurators: [], rules: withOwnIds(cleared) };
}

/** `<root>/<interface>/routers`, whole. Never throws. */
export function readRouterUrls(prefix: string, childNames: readonly string[]): UrlRules {
  const rules = childNames.slice(0, maxRules).flatMap((name): UrlRule[] => {
    try {
      const { head, error } = parseRouterUrl(idOf(prefix, name), name);
      if (head.kind === 'empty') return [];
      const reason = head.kind === 'script' ? 'a script is never run' : 'Dubbo clients alone follow it';
      return [{ rule: error ? rejectedRule(head, error) : shown(head, reason), configurator: undefined }];
    } catch (error) {
      return [{ rule: rejectedRule(headOf(prefix, name, 'condition'), error), configurator: undefined }];
    }
  });
  return { configurators: [], rules: withOwnIds(rules) };
}

/** Those that are for this service. */
export function rulesFor({ rules }: UrlRules, records: ServiceRecords): RegistryRule[] {
  return rules
    .filter(({ configurator }) => configurator === undefined || matchesService(configurator, records))
    .map(({ rule }) => rule);
}

/** Two long URLs can be shown alike. */
function withOwnIds(rules: readonly UrlRule[]): UrlRule[] {
  const seen = new Map<string, number>();
  return rules.map(({ rule, configurator }) => {
    const count = (seen.get(rule.id) ?? 0) + 1;
    seen.set(rule.id, count);
    return { rule: count === 1 ? rule : { ...rule, id: `${rule.id}#${count}` }, configurator };
  });
}

function idOf(prefix: string, name: string): string {
  return `${prefix}/${shownUrl(name)}`;
}

function headOf(prefix: string, name: string, kind: string): RuleHead {
  const text = shownUrl(name);
  return { id: `${prefix}/${text}`, kind, scope: '', enabled: true, text };
}
