import { isRecord } from '../../core/model/is-record.js';
import { printable, type SourceRecord } from '../../core/plugin/index.js';
import { credentialKey, credentialValue } from './credentials.js';
import { listOf } from './fields.js';

const maxRecords = 1000;
const maxTextLength = 4096;
const maxDepth = 8;
const secretMark = '[secret]';

/**
 * Instances as the registry has them, for people.
 * @param application parsed JSON of one application, of unknown shape
 * @param idOf `Instance.id` of what is made of the registry's instance of this id
 */
export function rawRecords(application: unknown, idOf: (application: string, id: string) => string): SourceRecord[] {
  if (!isRecord(application) || typeof application['name'] !== 'string') return [];
  const name = application['name'];
  const records: SourceRecord[] = [];
  for (const value of listOf(application['instance']).slice(0, maxRecords)) {
    if (!isRecord(value)) continue;
    const id = typeof value['instanceId'] === 'string' ? value['instanceId'] : '';
    const revision = value['lastDirtyTimestamp'];
    records.push({
      id: printable(`apps/${name}/${id}`),
      ...(id === '' ? {} : { instance: idOf(name, id) }),
      ...(typeof revision === 'string' || typeof revision === 'number' ? { revision: printable(`${revision}`) } : {}),
      text: legible(JSON.stringify(redacted(value, 0))),
    });
  }
  return records;
}

/** A copy with every secret replaced, and what is nested deeper than any instance is left out. */
function redacted(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return credentialValue.test(value) ? secretMark : value;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return '…';
  if (Array.isArray(value)) return value.map((element) => redacted(element, depth + 1));
  const entries = Object.entries(value).map(([key, inner]) => [
    key,
    credentialKey.test(key) ? secretMark : redacted(inner, depth + 1),
  ]);
  return Object.fromEntries(entries);
}

/** JSON on one line with nothing hidden in it; quotes stay as they are. */
function legible(json: string): string {
  const text = json.replace(
    hidden,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
  return text.length > maxTextLength ? `${text.slice(0, maxTextLength - 1)}…` : text;
}

/** Controls that JSON leaves as they are, line separators, and marks that hide text or turn its direction. */
const hidden = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;
