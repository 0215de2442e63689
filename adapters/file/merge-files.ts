import { printable, type Service } from '../../core/plugin/index.js';

/** A file and what it said last. */
export interface FileServices {
  readonly path: string;
  readonly services: readonly Service[];
}

export interface MergedFiles {
  readonly services: ReadonlyMap<string, Service>;
  /** Path → what is wrong with it beside the others. */
  readonly clashes: ReadonlyMap<string, Error>;
}

/** Joins the files of a source, by the order of their configuration: a service belongs to the first file that has it. */
export function mergeFiles(files: readonly FileServices[]): MergedFiles {
  const services = new Map<string, Service>();
  const owners = new Map<string, string>();
  const clashes = new Map<string, Error>();
  for (const { path, services: own } of files) {
    for (const service of own) {
      const owner = owners.get(service.name);
      if (owner === undefined) {
        owners.set(service.name, path);
        services.set(service.name, service);
      } else if (!clashes.has(path)) {
        clashes.set(
          path,
          new Error(`${path}: service ${printable(service.name)} is in ${owner} already and not taken`),
        );
      }
    }
  }
  return { services, clashes };
}
