import { activeInstances, type CatalogService } from '../../core/catalog/catalog.js';
import type { Instance } from '../../core/plugin/index.js';
import { type Defect, type EncodedEndpoint, type EndpointOutcome, encodeEndpoint } from './endpoint.js';

/** The endpoints of one port of a service, in the catalog's order. */
export interface PortEndpoints {
  readonly endpoints: readonly EncodedEndpoint[];
  /** Whether an address is a DNS name, so that EDS cannot carry them. */
  readonly hasNames: boolean;
  readonly defects: readonly Defect[];
}

/** From here on a service's encoded endpoints are kept: below, encoding them all anew costs less than their memory. */
const largeService = 100;
const maxWeightSum = 0xffff_ffff;

/**
 * The endpoints of one port. Those of a large service are encoded once and taken again as long as the catalog has the
 * same instance: one that changes among ten thousand costs one encoding.
 */
export class EndpointEncoder {
  readonly #portName: string;
  #encoded = new WeakMap<Instance, EndpointOutcome>();

  constructor(portName: string) {
    this.#portName = portName;
  }

  encode(service: CatalogService): PortEndpoints {
    const isLarge = service.origins.reduce((sum, { instances }) => sum + instances.length, 0) >= largeService;
    const all = this.#collect(service, isLarge ? (instance) => this.#recall(instance) : (i) => this.#encode(i, 1));
    const sum = all.endpoints.reduce((total, { weight }) => total + weight, 0);
    if (sum <= maxWeightSum) return all;
    // Rounding up to 1 adds one for each endpoint at most.
    const divisor = sum / (maxWeightSum - all.endpoints.length);
    return this.#collect(service, (instance) => this.#encode(instance, divisor));
  }

  #encode(instance: Instance, divisor: number): EndpointOutcome {
    return encodeEndpoint(instance, this.#portName, divisor);
  }

  #recall(instance: Instance): EndpointOutcome {
    let outcome = this.#encoded.get(instance);
    if (outcome === undefined) {
      outcome = this.#encode(instance, 1);
      this.#encoded.set(instance, outcome);
    }
    return outcome;
  }

  #collect(service: CatalogService, encode: (instance: Instance) => EndpointOutcome): PortEndpoints {
    const byKey = new Map<string, EncodedEndpoint>();
    const defects: Defect[] = [];
    let hasNames = false;
    for (const { instance } of activeInstances(service)) {
      const outcome = encode(instance);
      if (outcome.kind === 'absent') continue;
      if (outcome.kind === 'defect') {
        defects.push({ part: 'endpoint', of: instance.id, reason: outcome.reason });
        continue;
      }
      const { endpoint } = outcome;
      const known = byKey.get(endpoint.key);
      // Clients refuse an address that stands twice. One that serves goes before one that does not.
      if (known !== undefined && (known.serving || !endpoint.serving)) continue;
      byKey.set(endpoint.key, endpoint);
      if (endpoint.isName) hasNames = true;
    }
    return { endpoints: [...byKey.values()], hasNames, defects };
  }
}
