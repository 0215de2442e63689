import { Assembly } from '../../../sinks/istio/assembly.js';
import type { ResourceSet } from '../../../sinks/istio/resource-set.js';
import type { IstioOptions } from '../../../sinks/istio/settings.js';
import { McpContent, type ResourceList } from '../../../sinks/mcp/content.js';
import { whole } from '../../../sinks/mcp/shards.js';
import type { Kind } from '../../../sinks/mcp/types.js';

export function istioOptions(overrides: Partial<IstioOptions> = {}): IstioOptions {
  return {
    namespace: 'legacy',
    location: 'internal',
    labels: ['version', 'app'],
    addLabels: {},
    serviceLabels: [],
    exportTo: [],
    subjectAltNames: [],
    rules: [],
    ...overrides,
  };
}

export const silent = { onInvalid: () => undefined, onDefects: () => undefined };

/** All resources of a set, as they would stand in one response. */
export function assembled(set: ResourceSet): Assembly {
  const assembly = new Assembly();
  for (const { name, resource } of set.all()) if (resource) assembly.set(name, resource);
  return assembly;
}

/** The ServiceEntries of a set as lists of resources, for the content of a sink. */
export function entriesOf(set: ResourceSet): ReadonlyMap<Kind, ResourceList> {
  const list: ResourceList = {
    get revision() {
      return set.revision;
    },
    *all() {
      for (const { host, name, resource } of set.all()) yield { key: host, name, resource };
    },
  };
  return new Map([['ServiceEntry', list]]);
}

/** Content of a set in these numbers of shards; at a time that stands still. */
export function contentOf(set: ResourceSet, counts: readonly number[] = [whole.count]): McpContent {
  return new McpContent({ lists: entriesOf(set), counts, now: () => 0, isRead: () => false });
}
