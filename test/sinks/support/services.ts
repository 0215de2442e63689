import type { CatalogService } from '../../../core/catalog/catalog.js';
import type { Instance } from '../../../core/model/index.js';
import { anInstance } from '../../support/model.js';

/** A catalog service of one source `nacos-hz`, with port `http` on 80. */
export function catalogService(
  host: string,
  instances: readonly Instance[] = [],
  overrides: Partial<CatalogService> = {},
): CatalogService {
  return {
    host,
    ports: [{ name: 'http', number: 80, protocol: 'http' }],
    metadata: {},
    origins: [{ source: 'nacos-hz', service: host, instances, active: true }],
    version: 'not-looked-at',
    ...overrides,
  };
}

/** Instances at 10.0.0.1, 10.0.0.2 … on port 8080. */
export function instances(count: number, overrides: Partial<Instance> = {}): Instance[] {
  return Array.from({ length: count }, (_, index) =>
    anInstance(`i${index}`, { address: `10.0.${index >> 8}.${(index & 255) + 1}`, ...overrides }),
  );
}
