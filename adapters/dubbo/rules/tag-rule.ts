import { isRecord } from '../../../core/plugin/index.js';
import type { Provider } from '../provider.js';
import { addressPattern, splitPort } from './address-pattern.js';
import { type ProviderMatcher, parameterMatcher } from './matchers.js';
import { withEntry } from './override.js';
import { portOf, RuleError } from './rule.js';
import { flagOf, listOf, parseRuleDocument, textOf, textsOf } from './rule-document.js';

/** Parameter and metadata key of a provider's tag. */
export const tagKey = 'dubbo.tag';
/** All tags that a rule gives a provider, when they are several. */
const tagsKey = 'dubbo.tags';
const anyHost = '0.0.0.0';
const maxTags = 1024;

interface Tag {
  readonly name: string;
  readonly matches: ProviderMatcher;
}

/** A dynamic tag rule: `<application>.tag-router`. */
export interface TagRule {
  readonly enabled: boolean;
  readonly tags: readonly Tag[];
}

/** As Dubbo's TagRouterRule reads it: `tags` with `addresses` or, from v3.0 on, `match`. @throws RuleError */
export function parseTagRule(text: string): TagRule {
  const fields = parseRuleDocument(text);
  const isV3 = textOf(fields, 'configVersion').startsWith('v3.0');
  const entries = listOf(fields, 'tags');
  if (entries.length === 0) throw new RuleError('it has no tags');
  if (entries.length > maxTags) throw new RuleError(`it has more than ${maxTags} tags`);
  const tags = entries.map((entry): Tag => {
    if (!isRecord(entry)) throw new RuleError('one of its tags is no mapping');
    const name = textOf(entry, 'name');
    if (name === '') throw new RuleError('one of its tags has no name');
    const addresses = textsOf(entry, 'addresses');
    if (addresses.length > 0) return { name, matches: oneOfAddresses(addresses) };
    if (!isV3) return { name, matches: () => false };
    return { name, matches: parameterMatcher(entry['match']) };
  });
  return { enabled: flagOf(fields, 'enabled', true) && flagOf(fields, 'valid', true), tags };
}

/** TagStateRouter.checkAddressMatch; an address that is none matches nobody. */
function oneOfAddresses(addresses: readonly string[]): ProviderMatcher {
  const patterns = addresses.flatMap((text) => {
    const { host, port } = splitPort(text);
    if (host === anyHost && port !== undefined) return [(_: string, number: number) => number === Number(port)];
    const pattern = addressPattern(text);
    return pattern ? [pattern] : [];
  });
  return (provider) => patterns.some((matches) => matches(provider.instance.address, portOf(provider)));
}

/**
 * The provider with the tag that TagStateRouter would take it by, in the metadata `dubbo.tag`. A tag of the rule goes over
 * the provider's own. Where the rule has a tag of the name that a provider has by itself and does not list the provider,
 * that provider is not taken by it: its tag becomes `static.<name>`.
 */
export function tagged(provider: Provider, { enabled, tags }: TagRule): Provider {
  if (!enabled) return provider;
  const names = tags.filter(({ matches }) => matches(provider)).map(({ name }) => name);
  const own = provider.instance.metadata[tagKey];
  const [first] = names;
  if (first === undefined) {
    const isTaken = own !== undefined && tags.some(({ name }) => name === own);
    return isTaken ? withTag(provider, `static.${own}`, undefined) : provider;
  }
  return withTag(provider, first, names.length > 1 ? names.join(',') : undefined);
}

function withTag(provider: Provider, tag: string, all: string | undefined): Provider {
  let metadata = withEntry(provider.instance.metadata, tagKey, tag);
  if (all !== undefined) metadata = withEntry(metadata, tagsKey, all);
  return { ...provider, instance: { ...provider.instance, metadata } };
}
