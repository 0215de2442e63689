import type { RegistryRule } from '../../../core/plugin/index.js';
import type { Provider } from '../provider.js';
import type { ServiceRecords } from '../service.js';
import { type ConfigRule, readConfigRule, shown } from './config-rule.js';
import type { Configurator } from './configurator.js';
import { override } from './override.js';
import { tagged } from './tag-rule.js';
import { noUrlRules, readConfiguratorUrls, readRouterUrls, rulesFor, type UrlRules } from './url-rules.js';

/** What a rule is about, so that the adapter knows what to publish again. */
export type RuleTarget =
  | { readonly kind: 'interface'; readonly interfaceName: string }
  | { readonly kind: 'application'; readonly application: string };

/** Where URLs of rules stand below an interface. */
export type RuleCategory = 'configurators' | 'routers';

interface InterfaceRules {
  readonly names: Readonly<Record<RuleCategory, readonly string[]>>;
  readonly configurators: UrlRules;
  readonly routers: UrlRules;
}

const noNames: readonly string[] = [];
const noRules: InterfaceRules = {
  names: { configurators: noNames, routers: noNames },
  configurators: noUrlRules,
  routers: noUrlRules,
};
const maxConfigRules = 50_000;

/**
 * The rules of a registry and its config centre, and their effect on providers, in Dubbo's order: URLs below the interface
 * (on providers by interface alone), then the rule of the provider's application, then that of the service (RegistryDirectory.overrideWithConfigurator,
 * RegistryProtocol.OverrideListener), then the tag rule of the application. Does no I/O; never throws.
 */
export class RuleBook {
  readonly #byInterface = new Map<string, InterfaceRules>();
  readonly #byDataId = new Map<string, ConfigRule>();
  /** Data ids of the rules of each application, and of each service. */
  readonly #byTarget = new Map<string, Set<string>>();
  /** What became of providers under the rules as they are; begun anew when one changes. */
  #done = new WeakMap<Provider, Provider>();

  /**
   * The complete children of `<root>/<interface>/configurators` or `…/routers`, as they are named; none when there is no
   * such node.
   * @returns whether anything changed
   */
  setUrls(interfaceName: string, category: RuleCategory, childNames: readonly string[]): boolean {
    const before = this.#byInterface.get(interfaceName) ?? noRules;
    const sorted = [...childNames].sort();
    const last = before.names[category];
    if (last.length === sorted.length && last.every((name, index) => name === sorted[index])) return false;
    const read = category === 'configurators' ? readConfiguratorUrls : readRouterUrls;
    const after = {
      ...before,
      names: { ...before.names, [category]: sorted },
      [category]: read(`${interfaceName}/${category}`, sorted),
    };
    if (Object.values(after.names).every((names) => names.length === 0)) this.#byInterface.delete(interfaceName);
    else this.#byInterface.set(interfaceName, after);
    this.#done = new WeakMap();
    return true;
  }

  /**
   * A rule of the config centre (ZooKeeper: `<root>/config/dubbo/<dataId>`; Nacos: group `dubbo`), as
   * `com.foo.Api:1.0.0:g1.configurators` or `shop.tag-router`; `text` undefined or empty when it is gone.
   * @returns what it is about when it changed; undefined for what is no rule, or unchanged
   */
  setConfig(dataId: string, text: string | undefined): RuleTarget | undefined {
    const before = this.#byDataId.get(dataId);
    if (before?.text === text) return undefined;
    const after = text === undefined || text.trim() === '' ? undefined : readConfigRule(dataId, text);
    if (after && !before && this.#byDataId.size >= maxConfigRules) return undefined;
    if (before) this.#unlink(dataId, before);
    if (after) this.#link(dataId, after);
    const changed = after ?? before;
    if (changed === undefined) return undefined;
    this.#done = new WeakMap();
    const { target } = changed;
    return target.kind === 'application' ? target : { kind: 'interface', interfaceName: target.interfaceName };
  }

  /** The data ids that {@link setConfig} holds, so that what a listing lacks can be taken out. */
  get dataIds(): Iterable<string> {
    return this.#byDataId.keys();
  }

  /** The records with what the rules make of their providers, and with the rules themselves; the same when there are none. */
  apply(records: ServiceRecords): ServiceRecords {
    if (this.#byInterface.size === 0 && this.#byDataId.size === 0) return records;
    const own = this.#byInterface.get(records.interfaceName) ?? noRules;
    const service = this.#configRules(serviceTarget(records.interfaceName, records.id.version, records.id.group));
    const providers = records.providers.map((provider) => this.#applied(provider, own, service));
    const names = [...new Set(records.providers.map(({ application }) => application))].sort();
    const rules: RegistryRule[] = [
      ...(providers.some(({ mode }) => mode === 'interface') || providers.length === 0
        ? rulesFor(own.configurators, records)
        : rulesFor(own.configurators, records).map(unheard)),
      ...rulesFor(own.routers, records),
      ...names.flatMap((name) => this.#configRules(applicationTarget(name)).flatMap((rule) => rule.rules)),
      ...service.flatMap((rule) => rule.rules),
    ];
    const isSame = rules.length === 0 && providers.every((provider, index) => provider === records.providers[index]);
    return isSame ? records : { ...records, providers, ...(rules.length > 0 && { rules }) };
  }

  #applied(provider: Provider, own: InterfaceRules, service: readonly ConfigRule[]): Provider {
    const known = this.#done.get(provider);
    if (known) return known;
    const application = this.#configRules(applicationTarget(provider.application));
    const configurators: Configurator[] = [
      ...(provider.mode === 'interface' ? own.configurators.configurators : []),
      ...application.flatMap((rule) => rule.configurators),
      ...service.flatMap((rule) => rule.configurators),
    ];
    let applied = override(provider, configurators);
    for (const { tagRule } of application) if (tagRule) applied = tagged(applied, tagRule);
    this.#done.set(provider, applied);
    return applied;
  }

  /** By data id, so that every replica applies them alike. */
  #configRules(target: string): ConfigRule[] {
    const ids = this.#byTarget.get(target);
    if (ids === undefined) return [];
    return [...ids].sort().flatMap((id) => this.#byDataId.get(id) ?? []);
  }

  #link(dataId: string, rule: ConfigRule): void {
    this.#byDataId.set(dataId, rule);
    const target = targetKey(rule);
    const ids = this.#byTarget.get(target);
    if (ids) ids.add(dataId);
    else this.#byTarget.set(target, new Set([dataId]));
  }

  #unlink(dataId: string, rule: ConfigRule): void {
    this.#byDataId.delete(dataId);
    const target = targetKey(rule);
    const ids = this.#byTarget.get(target);
    if (ids?.delete(dataId) && ids.size === 0) this.#byTarget.delete(target);
  }
}

/** Who is registered by application, and who calls them, read none of these (ServiceDiscoveryRegistryDirectory). */
function unheard(rule: RegistryRule): RegistryRule {
  return rule.effect === 'applied' ? shown(rule, 'its providers are registered by application alone') : rule;
}

function targetKey({ target }: ConfigRule): string {
  if (target.kind === 'application') return applicationTarget(target.application);
  return serviceTarget(target.interfaceName, target.version, target.group);
}

function applicationTarget(application: string): string {
  return `application\n${application}`;
}

function serviceTarget(interfaceName: string, version: string, group: string): string {
  return `service\n${interfaceName}\n${version}\n${group}`;
}
