import { printable, type RegistryRule } from '../../../core/plugin/index.js';
import type { Provider } from '../provider.js';
import { redacted } from '../secrets.js';

/** Why a rule is not understood; the message can be shown. */
export class RuleError extends Error {
  override readonly name = 'RuleError';
}

/** A rule that its registry can show before anybody looked at what it does. */
export type RuleHead = Pick<RegistryRule, 'id' | 'kind' | 'scope' | 'enabled' | 'text'>;

const maxText = 4096;

/** The text of a rule for {@link RegistryRule.text}. */
export function shownText(text: string): string {
  return printable(redacted(text.slice(0, maxText)), maxText);
}

export function rejectedRule(head: RuleHead, error: unknown): RegistryRule {
  // A RangeError of a parser that was led too deep is as good a reason as any of ours.
  const reason = error instanceof Error ? printable(error.message) : 'it cannot be read';
  return { ...head, effect: 'rejected', reason };
}

/** The parameter that rules compare, as far as the catalog keeps it: no secret can be compared. '' when there is none. */
export function parameterOf(provider: Provider, key: string): string {
  switch (key) {
    case 'interface':
      return provider.interfaceName;
    case 'group':
      return provider.id.group;
    case 'version':
      return provider.id.version;
    case 'application':
      return provider.application;
    case 'side':
      return 'provider';
    case 'weight':
      return String(provider.instance.weight);
    case 'disabled':
    case 'enabled':
    case 'dynamic': {
      const value = provider.switches[key];
      return value === undefined ? '' : String(value);
    }
    default:
      return provider.instance.metadata[key] ?? '';
  }
}

/** Dubbo's key of a service: `group/interface:version`, without what is not there (URL.buildKey). */
export function serviceKeyOf(interfaceName: string, group: string, version: string): string {
  return `${group === '' ? '' : `${group}/`}${interfaceName}${version === '' ? '' : `:${version}`}`;
}

/** The number of a provider's only port. */
export function portOf({ instance, protocol }: Provider): number {
  return instance.ports[protocol] ?? 0;
}
