import { isRecord } from '../../../core/plugin/index.js';
import { splitPort } from './address-pattern.js';
import type { Configurator } from './configurator.js';
import { parseConfiguratorUrl, plainHost, settable } from './configurator-url.js';
import { conditionMatch, scalarText } from './matchers.js';
import { RuleError } from './rule.js';
import { flagOf, listOf, parseRuleDocument, type RuleFields, textOf, textsOf } from './rule-document.js';

/** What a rule of the config centre says in each of its items. */
export interface ConfiguratorDocument {
  readonly enabled: boolean;
  /** In the order of the document; an item can stand for several configurators, one an address, service and application. */
  readonly items: readonly (readonly Configurator[] | RuleError)[];
}

const any = '0.0.0.0';

/**
 * `<key>.configurators`, as Dubbo's ConfigParser reads it: YAML of v2.7 and v3.0 with scope `service` or `application`,
 * or a JSON list of override URLs.
 * @throws RuleError when nothing of it is understood
 */
export function parseConfiguratorDocument(text: string): ConfiguratorDocument {
  const urls = urlList(text);
  if (urls) return { enabled: true, items: urls.map((url) => attempt(() => urlConfigurators(url))) };
  const fields = parseRuleDocument(text);
  const version = textOf(fields, 'configVersion');
  if (!/^v(?:2\.7|3\.0)/.test(version)) throw new RuleError('its configVersion is neither v2.7 nor v3.0');
  const key = textOf(fields, 'key');
  if (key === '') throw new RuleError('it has no key');
  const enabled = flagOf(fields, 'enabled', true);
  const isApplication = textOf(fields, 'scope') === 'application';
  const items = listOf(fields, 'configs');
  if (items.length === 0) throw new RuleError('it has no configs');
  return {
    enabled,
    items: items.map((item) =>
      attempt(() => {
        if (!isRecord(item)) throw new RuleError('one of its configs is no mapping');
        const targets = isApplication
          ? combine(orElse(textsOf(item, 'services'), '*'), [key])
          : combine([key], orElse(textsOf(item, 'applications'), ''));
        return itemConfigurators(item, { version, enabled, targets });
      }),
    ),
  };
}

function attempt(read: () => readonly Configurator[]): readonly Configurator[] | RuleError {
  try {
    return read();
  } catch (error) {
    if (error instanceof RuleError) return error;
    throw error;
  }
}

interface Target {
  readonly serviceKey: string;
  readonly application: string;
}

const maxCombined = 4096;

function combine(services: readonly string[], applications: readonly string[]): Target[] {
  if (services.length * applications.length > maxCombined) throw new RuleError('it is for too many services');
  return services.flatMap((serviceKey) => applications.map((application) => ({ serviceKey, application })));
}

function itemConfigurators(
  item: RuleFields,
  { version, enabled, targets }: { version: string; enabled: boolean; targets: readonly Target[] },
): Configurator[] {
  const side = textOf(item, 'side');
  const type = textOf(item, 'type');
  const addresses = orElse(textsOf(item, 'addresses'), any);
  const said = item['parameters'];
  if (!isRecord(said) || Object.keys(said).length === 0) throw new RuleError('one of its configs has no parameters');
  const parameters = Object.entries(said).map(([key, value]) => [key, scalarText(value)] as const);
  const own = textsOf(item, 'providerAddresses');
  const providerAddresses = own.length === 0 && side === 'provider' ? addresses : own;
  const match = item['match'] === undefined ? undefined : conditionMatch(item['match'], side);
  if (addresses.length * targets.length > maxCombined) throw new RuleError('it is for too many addresses');
  return addresses.flatMap((address) => {
    const { host, port = '' } = splitPort(address);
    return targets.map(
      (target): Configurator => ({
        how: 'override',
        // ConfigParser.parseEnabled: the item's own switch counts only when it has a type.
        enabled: type === '' || type === 'general' ? enabled : flagOf(item, 'enabled', false),
        host: host === '*' ? any : plainHost(host),
        port: port === '*' ? '' : port,
        version,
        side,
        ...target,
        providerAddresses,
        match: version.startsWith('v3.0') ? match : undefined,
        conditions: parameters.filter(([key]) => key.startsWith('~')).map(([key, value]) => [key.slice(1), value]),
        parameters: settable(parameters),
        priority: 0,
      }),
    );
  });
}

function orElse(list: readonly string[], otherwise: string): readonly string[] {
  return list.length === 0 ? [otherwise] : list;
}

function urlList(text: string): string[] | undefined {
  if (!text.trimStart().startsWith('[') || text.length > 65_536) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((entry) => typeof entry === 'string') ? value : undefined;
  } catch {
    return undefined; // then it may be YAML
  }
}

function urlConfigurators(url: string): Configurator[] {
  const { configurator } = parseConfiguratorUrl('', url);
  return configurator ? [configurator] : [];
}
