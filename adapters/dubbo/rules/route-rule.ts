import { isRecord } from '../../../core/plugin/index.js';
import { parseDubboUrl } from '../dubbo-url.js';
import { parametersOf, plainText } from './configurator-url.js';
import { RuleError, type RuleHead, serviceKeyOf, shownText } from './rule.js';
import { flagOf, listOf, parseRuleDocument, type RuleFields, textOf } from './rule-document.js';

/** ConditionStateRouter.ROUTE_PATTERN: a separator and a word. */
const token = /([&!=,]*)\s*([^&!=,\s]+)/g;
const maxExpression = 16_384;

/** A child of `<root>/<interface>/routers`: `condition://`, `route://`, `script://`, `tag://`, … @throws RuleError */
export function parseRouterUrl(id: string, text: string): { head: RuleHead; error: RuleError | undefined } {
  const url = parseDubboUrl(text);
  if (url === undefined) throw new RuleError('it is no URL');
  const parameters = new Map(parametersOf(url));
  const get = (key: string) => parameters.get(key) ?? '';
  const kind = url.protocol === 'route' ? get('router') || 'condition' : url.protocol;
  const scope = serviceKeyOf(get('interface') || url.path, get('group'), get('version'));
  const enabled = (get('enabled') || 'true').toLowerCase() === 'true';
  const head: RuleHead = { id, kind, scope, enabled, text: shownText(plainText(url, parameters)) };
  return { head, error: kind === 'condition' ? attempt(() => checkCondition(decoded(get('rule')))) : undefined };
}

/** Dubbo reads the rule of a URL decoded once more (URL.getParameterAndDecoded). */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `<key>.condition-router`, YAML with `conditions` of text, or of objects from v3.1 on. @throws RuleError */
export function checkConditionDocument(text: string): { readonly enabled: boolean } {
  const fields = parseRuleDocument(text);
  const isV31 = /^v3\.1/i.test(textOf(fields, 'configVersion'));
  const conditions = listOf(fields, 'conditions');
  if (conditions.length === 0) throw new RuleError('it has no conditions');
  for (const condition of conditions) {
    if (isV31) checkMultiDestination(condition);
    else if (typeof condition === 'string') checkCondition(condition);
    else throw new RuleError('one of its conditions is no text');
  }
  return { enabled: flagOf(fields, 'enabled', true) };
}

/** `when => then`, as ConditionStateRouter.init takes it apart. @throws RuleError */
export function checkCondition(rule: string): void {
  if (rule.trim() === '') throw new RuleError('a condition is empty');
  if (rule.length > maxExpression) throw new RuleError('a condition is too long');
  const arrow = rule.indexOf('=>');
  const when = arrow < 0 ? '' : rule.slice(0, arrow).trim();
  const then = arrow < 0 ? rule.trim() : rule.slice(arrow + 2).trim();
  if (when !== '' && when !== 'true') checkExpression(when);
  if (then !== '' && then !== 'false') checkExpression(then);
}

function checkExpression(expression: string): void {
  let hasKey = false;
  let hasValue = false;
  for (const [, separator = ''] of expression.matchAll(token)) {
    if (separator === '' || separator === '&') hasKey = true;
    else if ((separator === '=' || separator === '!=') && hasKey) hasValue = true;
    else if (separator !== ',' || !hasValue) throw new RuleError(`a condition has a misplaced ${separator}`);
  }
}

/** MultiDestConditionRouterRule: `{ from: { match }, to: [{ match, weight }] }`. */
function checkMultiDestination(condition: unknown): void {
  if (!isRecord(condition)) throw new RuleError('one of its conditions is no mapping');
  const { from, to } = condition;
  if (from !== undefined && from !== null) checkSide(from, 'from');
  if (!Array.isArray(to)) return;
  for (const destination of to) checkSide(destination, 'to');
}

function checkSide(side: unknown, name: string): void {
  if (!isRecord(side)) throw new RuleError(`the ${name} of a condition is no mapping`);
  const match = textOf(side as RuleFields, 'match');
  if (match !== '') checkExpression(match);
}

function attempt(check: () => void): RuleError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof RuleError) return error;
    throw error;
  }
}
