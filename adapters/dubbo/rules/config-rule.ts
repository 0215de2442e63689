import { printable, type RegistryRule } from '../../../core/plugin/index.js';
import { weightFrom } from '../provider.js';
import { type Configurator, inOrder, withoutEffect } from './configurator.js';
import { parseConfiguratorDocument } from './configurator-document.js';
import { checkConditionDocument } from './route-rule.js';
import { RuleError, type RuleHead, rejectedRule, serviceKeyOf, shownText } from './rule.js';
import { flagOf, parseRuleDocument } from './rule-document.js';
import { parseTagRule, type TagRule } from './tag-rule.js';

/** What a rule of the config centre is about. */
export type ConfigTarget =
  | { readonly kind: 'service'; readonly interfaceName: string; readonly version: string; readonly group: string }
  | { readonly kind: 'application'; readonly application: string };

/** A rule of the config centre, understood as far as it can be. */
export interface ConfigRule {
  readonly target: ConfigTarget;
  readonly text: string;
  /** In the order in which they are applied. */
  readonly configurators: readonly Configurator[];
  readonly tagRule: TagRule | undefined;
  readonly rules: readonly RegistryRule[];
}

const suffixes = {
  '.configurators': 'override',
  '.tag-router': 'tag',
  '.condition-router': 'condition',
  '.script-router': 'script',
  '.affinity-router': 'affinity',
  '.MESHAPPRULE': 'mesh',
} as const;
type Suffix = keyof typeof suffixes;

/** Whether a data id of the config centre is that of a rule, and whose. */
export function parseDataId(dataId: string, text: string): { target: ConfigTarget; suffix: Suffix } | undefined {
  const suffix = (Object.keys(suffixes) as Suffix[]).find((end) => dataId.endsWith(end));
  if (suffix === undefined || dataId.length > 1024) return undefined;
  const key = dataId.slice(0, -suffix.length);
  // The first releases of 2.7 name a service `group*interface:version`, and without colons when it has neither.
  const star = key.indexOf('*');
  const [interfaceName = '', version = '', lastGroup = ''] = key.slice(star + 1).split(':');
  if (interfaceName === '') return undefined;
  const isService = key.includes(':') || star >= 0 || /^scope:\s*["']?service\b/m.test(text);
  if (!isService) return { target: { kind: 'application', application: key }, suffix };
  const group = star > 0 ? key.slice(0, star) : lastGroup;
  return { target: { kind: 'service', interfaceName, version, group }, suffix };
}

/** Never throws: what is not understood becomes a rule that says so. */
export function readConfigRule(dataId: string, text: string): ConfigRule | undefined {
  const id = parseDataId(dataId, text);
  if (id === undefined) return undefined;
  const { target, suffix } = id;
  const head = headOf(dataId, target, suffixes[suffix], text);
  const none = { target, text, configurators: [], tagRule: undefined };
  try {
    switch (suffix) {
      case '.configurators':
        return { ...none, ...readConfigurators(head, text) };
      case '.tag-router': {
        const tagRule = parseTagRule(text);
        return { ...none, tagRule, rules: [{ ...head, enabled: tagRule.enabled, effect: 'carried' }] };
      }
      case '.condition-router':
        return { ...none, rules: [{ ...head, ...checkConditionDocument(text), effect: 'shown' }] };
      case '.script-router':
        return { ...none, rules: [shown({ ...head, enabled: isEnabled(text) }, 'a script is never run')] };
      default:
        return { ...none, rules: [shown(head, 'Dubbo clients alone follow it')] };
    }
  } catch (error) {
    return { ...none, rules: [rejectedRule(head, error)] };
  }
}

function readConfigurators(head: RuleHead, text: string): Pick<ConfigRule, 'configurators' | 'rules'> {
  const { items } = parseConfiguratorDocument(text);
  const rules: RegistryRule[] = [];
  const configurators: Configurator[] = [];
  for (const [index, item] of items.entries()) {
    const itemHead = items.length === 1 ? head : { ...head, id: `${head.id}#${index + 1}` };
    if (item instanceof RuleError) rules.push(rejectedRule(itemHead, item));
    else {
      rules.push(configuratorRule(itemHead, item));
      configurators.push(...item.filter((one) => withoutEffect(one) === undefined));
    }
  }
  return { configurators: inOrder(configurators), rules };
}

/** What becomes of configurators that are one rule. */
export function configuratorRule(head: RuleHead, configurators: readonly Configurator[]): RegistryRule {
  const enabled = configurators.some((one) => one.enabled);
  const reasons = configurators.map(withoutEffect);
  const [reason] = reasons;
  if (reasons.every((one) => one !== undefined)) return shown({ ...head, enabled }, reason ?? 'it sets nothing');
  const weights = configurators.flatMap(({ parameters }) => parameters.filter(([key]) => key === 'weight'));
  if (weights.some(([, value]) => weightFrom(value) === undefined)) {
    return rejectedRule({ ...head, enabled }, new RuleError('its weight is no whole number'));
  }
  return { ...head, enabled, effect: 'applied' };
}

export function shown(head: RuleHead, reason: string): RegistryRule {
  return { ...head, effect: 'shown', reason };
}

function headOf(id: string, target: ConfigTarget, kind: string, text: string): RuleHead {
  const scope =
    target.kind === 'application'
      ? target.application
      : serviceKeyOf(target.interfaceName, target.group, target.version);
  return { id, kind, scope: printable(scope), enabled: true, text: shownText(text) };
}

function isEnabled(text: string): boolean {
  return flagOf(parseRuleDocument(text), 'enabled', true);
}
