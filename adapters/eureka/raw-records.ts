import { isRecord } from '../../core/model/is-record.js';
import { printable, type SourceRecord, shownRecord } from '../../core/plugin/index.js';
import { listOf } from './fields.js';

const maxRecords = 1000;

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
      text: shownRecord(value),
    });
  }
  return records;
}
