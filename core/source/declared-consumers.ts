import type { Consumer } from '../model/index.js';
import type { ConsumerTable } from './consumer-table.js';

/** Who declares in the registries to consume which services: the edges that are known beside the catalog. */
export interface DeclaredConsumers {
  /** Every service that has consumers now. */
  services(): Iterable<{ readonly source: string; readonly service: string }>;
  /** Those of a service, by its source and its name there; empty: nobody. */
  of(source: string, service: string): readonly Consumer[];
  /** Tells of each service whose consumers change from now on, in the same turn; to be quick. @returns how to end it */
  subscribe(onChanged: (source: string, service: string) => void): () => void;
}

/** Those of several sources, by the source's name. */
export function declaredConsumers(tables: ReadonlyMap<string, ConsumerTable>): DeclaredConsumers {
  return {
    *services() {
      for (const [source, { services }] of tables) for (const service of services.keys()) yield { source, service };
    },
    of: (source, service) => tables.get(source)?.services.get(service) ?? [],
    subscribe: (onChanged) => {
      const ends = [...tables].map(([source, table]) => table.subscribe((service) => onChanged(source, service)));
      return () => {
        for (const end of ends) end();
      };
    },
  };
}
