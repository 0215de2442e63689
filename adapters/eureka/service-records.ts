import type { InstanceRecord } from './convert.js';

/** Records by the name of the service that they make up, and by an id that is unique in it. */
export interface ServiceRecords {
  names(): Iterable<string>;
  /** None when the service is not known. */
  records(service: string): ReadonlyMap<string, InstanceRecord>;
}

export const noRecords: ReadonlyMap<string, InstanceRecord> = new Map();
