import { isRecord } from '../../core/model/is-record.js';
import { printable } from '../../core/model/printable.js';
import { type SourceRecord, shownRecord } from '../../core/plugin/index.js';
import { asRows } from './entries.js';

const maxRecords = 1000;

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
        text: shownRecord(row, isForeign),
      };
    });
}

/** The output of a check is what a program printed, and the settings of a proxy may hold anything. */
function isForeign(key: string): boolean {
  return key === 'Output' || key === 'Config' || key === 'Definition';
}
