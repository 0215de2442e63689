import { type SourceRecord, shownRecord } from '../../core/plugin/index.js';
import type { RegisteredInstance } from './model.js';

/** A registration, for operators: everything but the values that look like credentials. */
export function toRecord(source: string, service: string, instance: RegisteredInstance): SourceRecord {
  return {
    id: `${source}/services/${service}/instances/${instance.id}`,
    instance: instance.id,
    ...(instance.eureka && { revision: String(instance.eureka.lastDirtyMs) }),
    text: shownRecord(instance),
  };
}
