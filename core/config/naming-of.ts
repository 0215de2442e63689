import { HostTemplate } from '../catalog/host-template.js';
import { Naming } from '../catalog/naming.js';
import type { Config } from './config.js';
import type { KindSchema } from './kinds.js';

/** How a configuration names services: by its rules, else by the template of each source's kind. */
export function namingOf(config: Config, kinds: readonly KindSchema[]): Naming {
  const defaults = config.sources.flatMap(({ name, kind }) => {
    const template = kinds.find((candidate) => candidate.kind === kind)?.defaultHost;
    return template === undefined ? [] : [[name, new HostTemplate(template)] as const];
  });
  return new Naming(config.naming, new Map(defaults));
}
