import { isRecord } from '../../../core/plugin/index.js';
import type { Provider } from '../provider.js';
import { type AddressMatcher, addressPattern } from './address-pattern.js';
import { parameterOf, portOf, RuleError, serviceKeyOf } from './rule.js';

export type TextMatcher = (text: string) => boolean;
export type ProviderMatcher = (provider: Provider) => boolean;

const maxConditions = 256;

/** Dubbo's StringMatch: the first of exact, prefix, wildcard, empty, noempty that is set. @throws RuleError */
export function textMatcher(value: unknown): TextMatcher {
  if (!isRecord(value)) throw new RuleError('a condition is no object');
  const { exact, prefix, regex, wildcard, empty, noempty } = value;
  if (exact !== undefined) return equalTo(exact);
  if (prefix !== undefined) {
    const start = scalarText(prefix);
    return (text) => text !== '' && text.startsWith(start);
  }
  // Backtracking without bounds is somebody else's to run.
  if (regex !== undefined) throw new RuleError('it has a regular expression, which is not run');
  if (wildcard !== undefined) {
    const wanted = scalarText(wildcard);
    return (text) => text !== '' && (wanted === '*' || text === wanted);
  }
  if (empty !== undefined) return (text) => text === '';
  if (noempty !== undefined) return (text) => text !== '';
  throw new RuleError('a condition has none of exact, prefix, wildcard, empty, noempty');
}

function equalTo(value: unknown): TextMatcher {
  const wanted = scalarText(value);
  return (text) => text !== '' && text === wanted;
}

/** Dubbo's ParamMatch, several of which must all hold: `[{ key, value: { exact } }]`. @throws RuleError */
export function parameterMatcher(value: unknown): ProviderMatcher {
  if (!Array.isArray(value) || value.length > maxConditions) throw new RuleError('its conditions are no short list');
  const all = value.map((entry): ProviderMatcher => {
    if (!isRecord(entry) || typeof entry['key'] !== 'string') throw new RuleError('a condition has no key');
    const key = entry['key'];
    const matches = textMatcher(entry['value']);
    return (provider) => matches(parameterOf(provider, key));
  });
  return (provider) => all.every((matches) => matches(provider));
}

/** Dubbo's AddressMatch: `cird` (so it is spelt there), `wildcard` or `exact`. @throws RuleError */
function addressMatcher(value: unknown): { readonly isAny: boolean; readonly matches: AddressMatcher } {
  if (!isRecord(value)) throw new RuleError('an address condition is no object');
  const text = scalarText(value['cird'] ?? value['wildcard'] ?? value['exact']);
  if (text === '*' || text === '0.0.0.0') return { isAny: true, matches: () => true };
  const matches = addressPattern(text);
  if (matches === undefined) throw new RuleError('an address condition has no address');
  return { isAny: false, matches };
}

/** What a configurator of v3.0 asks of whom it concerns (Dubbo's ConditionMatch). */
export interface ConditionMatch {
  /** Whether it tells consumers apart where it is a consumer's rule. */
  readonly namesCaller: boolean;
  /** For a provider's own rule, `address` and `app` are the provider's. */
  readonly matches: ProviderMatcher;
}

/** @param side whose rule it is: `address` and `app` are that side's @throws RuleError */
export function conditionMatch(value: unknown, side: string): ConditionMatch {
  if (!isRecord(value)) throw new RuleError('its match is no object');
  const { address, providerAddress, service, app, param } = value;
  const all: ProviderMatcher[] = [];
  let namesCaller = false;
  if (address !== undefined) {
    const { isAny, matches } = addressMatcher(address);
    if (side === 'provider') all.push((provider) => matches(provider.instance.address, portOf(provider)));
    else if (!isAny) namesCaller = true;
  }
  if (providerAddress !== undefined) {
    const { matches } = addressMatcher(providerAddress);
    all.push((provider) => matches(provider.instance.address, portOf(provider)));
  }
  if (service !== undefined) {
    const matches = oneOf(service);
    all.push(({ interfaceName, id }) => matches(serviceKeyOf(interfaceName, id.group, id.version)));
  }
  if (app !== undefined) {
    const matches = oneOf(app);
    if (side === 'provider') all.push(({ application }) => matches(application));
    else namesCaller = true;
  }
  if (param !== undefined) all.push(parameterMatcher(param));
  return { namesCaller, matches: (provider) => all.every((matches) => matches(provider)) };
}

/** Dubbo's ListStringMatch. */
function oneOf(value: unknown): TextMatcher {
  const list = isRecord(value) ? value['oneof'] : undefined;
  if (!Array.isArray(list) || list.length > maxConditions) throw new RuleError('a condition has no short list oneof');
  const some = list.map(textMatcher);
  return (text) => some.some((matches) => matches(text));
}

/** A scalar of a document as text, as Java's String.valueOf has it. @throws RuleError for anything else */
export function scalarText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  throw new RuleError('a value is no text');
}
