import { isRecord } from '../../core/model/is-record.js';
import { type ConvertOptions, convertInstance } from './convert.js';
import { listOf } from './fields.js';
import type { ApplicationRecords } from './registry-view.js';
import type { Sharing } from './sharing.js';

/** One application of a listing or a delta; undefined when it has no name. Never throws. */
export function convertApplication(
  value: unknown,
  options: ConvertOptions,
  sharing: Sharing,
): ApplicationRecords | undefined {
  const name = isRecord(value) ? value['name'] : undefined;
  if (!isRecord(value) || typeof name !== 'string' || name === '') return undefined;
  const records = listOf(value['instance']).map((instance, position) =>
    convertInstance(name, instance, position, options, sharing),
  );
  return { name, records };
}
