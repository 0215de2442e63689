import { Lexer, parseDocument } from 'yaml';
import { isRecord } from '../../../core/plugin/index.js';
import { scalarText } from './matchers.js';
import { RuleError } from './rule.js';

/** Enough for a thousand addresses. */
const maxLength = 32_768;
const maxList = 4096;

export type RuleFields = Readonly<Record<string, unknown>>;

/** A rule of the config centre: YAML 1.1, as Dubbo's SnakeYAML reads it. @throws RuleError when it is none */
export function parseRuleDocument(text: string): RuleFields {
  if (text.length > maxLength) throw new RuleError('it is longer than 32 KiB');
  if (isNestedTooDeeply(text)) throw new RuleError('it is nested too deeply');
  if (hasTooManyTokens(text)) throw new RuleError('it has too many parts');
  let value: unknown;
  try {
    const document = parseDocument(text, { version: '1.1', uniqueKeys: true, prettyErrors: false, intAsBigInt: true });
    if (document.errors.length > 0) throw new RuleError('it is no valid YAML');
    value = document.toJS({ maxAliasCount: 100 });
  } catch {
    // Also a RangeError of a text that is nested too deeply, and of too many aliases.
    throw new RuleError('it is no valid YAML');
  }
  if (!isRecord(value)) throw new RuleError('it is no YAML mapping');
  return value;
}

/** A line of a list takes five. The parser needs up to 10 ms for a thousand, whether or not they make sense. */
const maxTokens = 10_000;

function hasTooManyTokens(text: string): boolean {
  let count = 0;
  for (const _ of new Lexer().lex(text)) {
    if (++count > maxTokens) return true;
  }
  return false;
}

const maxBrackets = 32;
const maxIndentation = 64;
const manyMarkers = /^[ \t]*(?:[-?:!&*|>][^ \t]{0,64}[ \t]+){16}/;

/**
 * Looked at before the text is parsed: the parser calls itself for each level, and running out of stack within a regular
 * expression ends the process, not the call. A level takes a bracket, a marker at the start of a line, or indentation.
 */
function isNestedTooDeeply(text: string): boolean {
  let brackets = 0;
  for (const character of text) {
    if (character === '[' || character === '{') brackets++;
    else if (character === ']' || character === '}') brackets = Math.max(0, brackets - 1);
    if (brackets > maxBrackets) return true;
  }
  return text.split(/\r\n|[\r\n]/).some((line) => {
    const indentation = line.length - line.trimStart().length;
    return (indentation > maxIndentation && indentation < line.length) || manyMarkers.test(line);
  });
}

/** java.lang.Boolean.parseBoolean of a scalar; `absent` when the field is not there. */
export function flagOf(fields: RuleFields, key: string, absent: boolean): boolean {
  const value = fields[key];
  if (value === undefined || value === null) return absent;
  return scalarText(value).toLowerCase() === 'true';
}

/** '' when the field is not there. @throws RuleError when it is no scalar */
export function textOf(fields: RuleFields, key: string): string {
  const value = fields[key];
  return value === undefined || value === null ? '' : scalarText(value);
}

/** Empty when the field is not there. @throws RuleError when it is no list of scalars */
export function textsOf(fields: RuleFields, key: string): readonly string[] {
  return listOf(fields, key).map(scalarText);
}

/** Empty when the field is not there. @throws RuleError when it is no list, or one that is too long */
export function listOf(fields: RuleFields, key: string): readonly unknown[] {
  const value = fields[key];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new RuleError(`its ${key} are no list`);
  if (value.length > maxList) throw new RuleError(`its ${key} are more than ${maxList}`);
  return value;
}
