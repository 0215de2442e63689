import { checkAddress } from '../../../core/plugin/index.js';
import { type DubboUrl, decodeParameter, parseDubboUrl, splitQuery } from '../dubbo-url.js';
import type { Configurator } from './configurator.js';
import { RuleError, type RuleHead, serviceKeyOf, shownText } from './rule.js';

/** AbstractConfigurator.genConditionKeys: what says whom the rule is for, and is not set on the provider. */
const conditionKeys: ReadonlySet<string> = new Set([
  'category',
  'check',
  'dynamic',
  'enabled',
  'group',
  'version',
  'application',
  'side',
  'configVersion',
  'compatible_config',
  'interfaces',
  'interface',
  'anyhost',
  'priority',
  'providerAddresses',
  // AbstractConfiguratorListener.initSecurityKey: what would have a consumer open files or run scripts.
  'accesslog.fixed.path',
  'router',
  'rule',
  'runtime',
  'type',
]);

export interface UrlRule {
  readonly head: RuleHead;
  /** undefined for `empty://`, which takes all others away, and for a rule of another kind. */
  readonly configurator: Configurator | undefined;
  readonly isEmpty: boolean;
}

/** A child of `<root>/<interface>/configurators`, encoded or plain. @throws RuleError */
export function parseConfiguratorUrl(id: string, text: string): UrlRule {
  const url = parseDubboUrl(text);
  if (url === undefined) throw new RuleError('it is no URL');
  const parameters = new Map(parametersOf(url));
  const group = parameters.get('group') ?? '';
  const version = parameters.get('version') ?? '';
  const interfaceName = parameters.get('interface') ?? url.path;
  const enabled = (parameters.get('enabled') ?? 'true').toLowerCase() === 'true';
  const scope = serviceKeyOf(interfaceName, group, version);
  const head: RuleHead = { id, kind: url.protocol, scope, enabled, text: shownText(plainText(url, parameters)) };
  if (url.protocol === 'empty') return { head, configurator: undefined, isEmpty: true };
  if (url.protocol !== 'override' && url.protocol !== 'absent')
    throw new RuleError('it is neither override nor absent');
  return { head, configurator: configuratorFrom(url, url.protocol, parameters, scope), isEmpty: false };
}

/** @param parameters decoded */
export function configuratorFrom(
  { host, port }: Pick<DubboUrl, 'host' | 'port'>,
  how: Configurator['how'],
  parameters: ReadonlyMap<string, string>,
  serviceKey: string,
): Configurator {
  const get = (key: string) => parameters.get(key) ?? '';
  const priority = Number(get('priority'));
  return {
    how,
    enabled: (parameters.get('enabled') ?? 'true').toLowerCase() === 'true',
    host: plainHost(host),
    port: port === '0' ? '' : port,
    version: get('configVersion'),
    side: get('side'),
    application: get('application'),
    serviceKey,
    providerAddresses: get('providerAddresses')
      .split(',')
      .filter((address) => address !== ''),
    match: undefined,
    conditions: [...parameters].filter(([key]) => key.startsWith('~')).map(([key, value]) => [key.slice(1), value]),
    parameters: settable(parameters),
    priority: Number.isSafeInteger(priority) ? priority : 0,
  };
}

/** As an instance's address is written, if it is one: 0.0.0.0 stays. */
export function plainHost(host: string): string {
  const checked = checkAddress(host);
  return checked.ok ? checked.address : host;
}

/** What of a rule's parameters is set on a provider. */
export function settable(parameters: Iterable<readonly [string, string]>): (readonly [string, string])[] {
  return [...parameters].filter(([key]) => !conditionKeys.has(key) && !key.startsWith('~'));
}

export function parametersOf({ query, encoding }: DubboUrl): (readonly [string, string])[] {
  return splitQuery(query, encoding).flatMap((text) => {
    const pair = decodeParameter(text, encoding);
    return pair ? [pair] : [];
  });
}

/** The rule as it reads decoded. */
export function plainText({ protocol, host, port, path }: DubboUrl, parameters: ReadonlyMap<string, string>): string {
  const query = [...parameters].map(([key, value]) => `${key}=${value}`).join('&');
  return `${protocol}://${host}${port === '' ? '' : `:${port}`}/${path}?${query}`;
}
