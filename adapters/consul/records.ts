import { isRecord } from '../../core/model/is-record.js';
import { printable } from '../../core/model/printable.js';
import type { SourceRecord } from '../../core/plugin/index.js';
import { asRows } from './entries.js';
import { isSecretKey } from './redact.js';

const maxRecords = 1000;
const maxTextLength = 4096;
const maxDepth = 8;

/** Rows of `/v1/health/service/<name>` as Consul holds them, with what may be a credential left out. */
export function recordsOf(body: unknown, published: ReadonlySet<string>): SourceRecord[] {
  return asRows(body, 'instances')
    .slice(0, maxRecords)
    .map((row) => {
      const node = isRecord(row) ? row['Node'] : undefined;
      const service = isRecord(row) ? row['Service'] : undefined;
      const field = (of: unknown, key: string) => (isRecord(of) && typeof of[key] === 'string' ? of[key] : '?');
      const id = `${field(node, 'Node')}/${field(service, 'ID')}`;
      const index = isRecord(service) ? service['ModifyIndex'] : undefined;
      return {
        id: printable(id),
        ...(published.has(id) ? { instance: id } : {}),
        ...(typeof index === 'number' ? { revision: String(index) } : {}),
        text: textOf(row),
      };
    });
}

/** A row as JSON, on one line. */
function textOf(row: unknown): string {
  return printableJson(JSON.stringify(redact(row, 0)) ?? '');
}

/** JSON has its control characters escaped already; what hides text or turns its direction is left to `printable`. */
function printableJson(json: string): string {
  const hidden = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;
  const shown = json.replace(hidden, (character) => printable(character));
  return shown.length > maxTextLength ? `${shown.slice(0, maxTextLength - 1)}…` : shown;
}

/** The output of a check is what a program printed, and the settings of a proxy may hold anything. */
function redact(value: unknown, depth: number): unknown {
  if (depth > maxDepth) return '…';
  if (Array.isArray(value)) return value.slice(0, 1000).map((item) => redact(item, depth + 1));
  if (!isRecord(value)) return value;
  const shown: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value).slice(0, 1000)) {
    const isSecret = isSecretKey(key) || key === 'Output' || key === 'Config' || key === 'Definition';
    const isEmpty = item === '' || item === null || (isRecord(item) && Object.keys(item).length === 0);
    shown.push([key, isSecret && !isEmpty ? '[secret]' : redact(item, depth + 1)]);
  }
  return Object.fromEntries(shown);
}
