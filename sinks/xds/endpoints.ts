import type { CatalogService } from '../../core/catalog/catalog.js';
import type { Instance } from '../../core/plugin/index.js';
import { type Defect, type EncodedEndpoint, type EndpointOutcome, encodeEndpoint } from './endpoint.js';
import { KeptOutcomes } from './kept-outcomes.js';
import { groupByLocality, type LocalityEndpoints } from './locality-endpoints.js';

/** The endpoints of one port of a service, in the catalog's order. */
export interface PortEndpoints {
  readonly endpoints: readonly EncodedEndpoint[];
  /** The same by locality. */
  readonly groups: readonly LocalityEndpoints[];
  /** Whether an address is a DNS name, so that EDS cannot carry them. */
  readonly hasNames: boolean;
  readonly defects: readonly Defect[];
}

/** From here on a service's encoded endpoints are kept: below, encoding them all anew costs less than their memory. */
const largeService = 100;
const maxWeightSum = 0xffff_ffff;

/** What is kept of a large service. */
interface Memory {
  readonly outcomes: KeptOutcomes;
  groups: readonly LocalityEndpoints[];
}

/** Encodes the endpoints of one port; those of a large service that have not changed are not encoded again. */
export class EndpointEncoder {
  readonly #portName: string;
  #memory: Memory | undefined;

  constructor(portName: string) {
    this.#portName = portName;
  }

  encode(service: CatalogService): PortEndpoints {
    const isLarge = service.origins.reduce((sum, { instances }) => sum + instances.length, 0) >= largeService;
    this.#memory = isLarge ? (this.#memory ?? { outcomes: new KeptOutcomes(), groups: [] }) : undefined;
    const all = this.#memory ? this.#recall(service, this.#memory) : this.#encodeAll(service, 1);
    const sum = all.endpoints.reduce((total, { weight }) => total + weight, 0);
    if (sum <= maxWeightSum) return all;
    // Rounding up to 1 adds one for each endpoint at most.
    return this.#encodeAll(service, sum / (maxWeightSum - all.endpoints.length));
  }

  #recall(service: CatalogService, memory: Memory): PortEndpoints {
    const outcomes = memory.outcomes.update(service, (instance) => this.#encode(instance, 1));
    const all = collect(outcomes, memory.outcomes.hasTwins, memory.groups);
    memory.groups = all.groups;
    return all;
  }

  #encodeAll({ origins }: CatalogService, divisor: number): PortEndpoints {
    const active = origins.filter((origin) => origin.active);
    const outcomes = active.map(({ instances }) => instances.map((instance) => this.#encode(instance, divisor)));
    return collect(outcomes, true, []);
  }

  #encode(instance: Instance, divisor: number): EndpointOutcome {
    return encodeEndpoint(instance, this.#portName, divisor);
  }
}

/** @param before the groups of before, which those of now may have much of */
function collect(
  lists: readonly (readonly EndpointOutcome[])[],
  mayHaveTwins: boolean,
  before: readonly LocalityEndpoints[],
): PortEndpoints {
  const all: EncodedEndpoint[] = [];
  const defects: Defect[] = [];
  for (const outcomes of lists) {
    for (const outcome of outcomes) {
      if (outcome.kind === 'endpoint') all.push(outcome.endpoint);
      else if (outcome.kind === 'defect') defects.push(outcome.defect);
    }
  }
  const endpoints = mayHaveTwins ? withoutTwins(all) : all;
  const hasNames = endpoints.some(({ isName }) => isName);
  return { endpoints, groups: groupByLocality(endpoints, before), hasNames, defects };
}

/** Clients refuse an address that stands twice. One that serves goes before one that does not. */
function withoutTwins(endpoints: readonly EncodedEndpoint[]): readonly EncodedEndpoint[] {
  const byKey = new Map<string, EncodedEndpoint>();
  for (const endpoint of endpoints) {
    const known = byKey.get(endpoint.key);
    if (known === undefined || (!known.serving && endpoint.serving)) byKey.set(endpoint.key, endpoint);
  }
  return byKey.size === endpoints.length ? endpoints : [...byKey.values()];
}
