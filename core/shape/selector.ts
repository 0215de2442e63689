import { matchesGlob } from '../catalog/glob.js';
import type { Metadata, Service } from '../model/index.js';

/** Which services a rule is about: those that match everything that is given. Globs, in which `*` is any characters. */
export interface ServiceSelector {
  /** Name of the source. */
  readonly source?: string | undefined;
  /** The service's name in the registry. */
  readonly service?: string | undefined;
  /** Its namespace in the registry; empty for those that have none. */
  readonly namespace?: string | undefined;
  /** Its metadata, by key. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export function selects(selector: ServiceSelector, source: string, service: Service): boolean {
  return (
    matches(selector.source, source) &&
    matches(selector.service, service.name) &&
    matches(selector.namespace, service.attributes['namespace'] ?? '') &&
    matchesLabels(selector.labels, service.metadata)
  );
}

/** Whether each label is there and matches its glob. */
export function matchesLabels(labels: Readonly<Record<string, string>> | undefined, metadata: Metadata): boolean {
  return Object.entries(labels ?? {}).every(([key, glob]) => {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    return value !== undefined && matchesGlob(glob, value);
  });
}

function matches(glob: string | undefined, text: string): boolean {
  return glob === undefined || matchesGlob(glob, text);
}
