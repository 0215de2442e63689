import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CatalogService, Origin } from '../../../core/catalog/catalog.js';
import type { Instance } from '../../../core/model/index.js';
import { encodeEndpoint } from '../../../sinks/xds/endpoint.js';
import { EndpointEncoder, type PortEndpoints } from '../../../sinks/xds/endpoints.js';
import { KeptOutcomes } from '../../../sinks/xds/kept-outcomes.js';
import { anInstance } from '../../support/model.js';
import { catalogService } from '../support/services.js';

interface Edit {
  readonly origin: number;
  readonly at: number;
  readonly what: 'add' | 'remove' | 'change' | 'switch';
  readonly address: string;
  readonly weight: number;
  readonly zone: string;
  readonly port: 'http' | 'other';
  readonly health: Instance['health'];
}

/** Some are others' addresses, names, no addresses at all, or too heavy for the sum of a service. */
const edits: fc.Arbitrary<Edit> = fc.record({
  origin: fc.nat(1),
  at: fc.nat(200),
  what: fc.constantFrom('add', 'remove', 'change', 'switch'),
  address: fc.constantFrom('10.1.0.1', '10.1.0.2', '10.0.0.3', 'db.example', 'no address', '::1'),
  weight: fc.constantFrom(0, 1, 100, 0xffff_fff0),
  zone: fc.constantFrom('', 'z1', 'z2'),
  port: fc.constantFrom('http', 'other'),
  health: fc.constantFrom('healthy', 'unhealthy', 'draining'),
});

const many = Array.from({ length: 120 }, (_, index) =>
  anInstance(`i${String(index).padStart(3, '0')}`, { address: `10.0.0.${index}` }),
);

function edited(origins: readonly Origin[], { origin, at, what, ...rest }: Edit): readonly Origin[] {
  return origins.map((each, index) => {
    if (index !== origin) return each;
    if (what === 'switch') return { ...each, active: !each.active };
    const instances = [...each.instances];
    const id = what === 'add' ? `i${String(at).padStart(3, '0')}x` : instances[at % instances.length]?.id;
    if (id === undefined || (what === 'add' && instances.some((known) => known.id === id))) return each;
    const { address, weight, zone, port, health } = rest;
    const locality = { region: 'r', zone, subzone: '' };
    const next = anInstance(id, { address, weight, locality, health, ports: { [port]: 8080 } });
    const kept = instances.filter((known) => known.id !== id);
    const changed = what === 'remove' ? kept : [...kept, next];
    return { ...each, instances: changed.sort((a, b) => (a.id < b.id ? -1 : 1)) };
  });
}

/** Each instance encoded, one address once, and nothing kept. */
function plainly({ origins }: CatalogService) {
  const active = origins.filter((origin) => origin.active).flatMap((origin) => origin.instances);
  const outcomes = (divisor: number) => active.map((instance) => encodeEndpoint(instance, 'http', divisor));
  const unique = (divisor: number) => {
    const all = outcomes(divisor).flatMap((outcome) => (outcome.kind === 'endpoint' ? [outcome.endpoint] : []));
    const keys = [...new Set(all.map(({ key }) => key))];
    const of = (key: string) => all.filter((each) => each.key === key);
    return keys.map((key) => of(key).find(({ serving }) => serving) ?? of(key)[0] ?? assert.fail());
  };
  const sum = unique(1).reduce((total, { weight }) => total + weight, 0);
  const endpoints = sum > 0xffff_ffff ? unique(sum / (0xffff_ffff - unique(1).length)) : unique(1);
  const localities = [...new Set(endpoints.map(({ locality }) => locality))];
  return {
    endpoints: endpoints.map(({ key, chunk }) => `${key} ${chunk.toString('hex')}`),
    groups: localities.map((locality) => {
      const own = endpoints.filter((each) => each.locality === locality);
      const weight = own.reduce((total, each) => total + (each.serving ? each.weight : 0), 0);
      return `${locality} ${weight} ${Buffer.concat(own.map(({ chunk }) => chunk)).toString('hex')}`;
    }),
    hasNames: endpoints.some(({ isName }) => isName),
    defects: outcomes(1).flatMap((outcome) => (outcome.kind === 'defect' ? [outcome.defect] : [])),
  };
}

function hasTwins({ origins }: CatalogService): boolean {
  const active = origins.filter((origin) => origin.active).flatMap((origin) => origin.instances);
  const keys = active
    .map((instance) => encodeEndpoint(instance, 'http'))
    .flatMap((outcome) => (outcome.kind === 'endpoint' ? [outcome.endpoint.key] : []));
  return new Set(keys).size < keys.length;
}

function shown({ endpoints, groups, hasNames, defects }: PortEndpoints) {
  return {
    endpoints: endpoints.map(({ key, chunk }) => `${key} ${chunk.toString('hex')}`),
    groups: groups.map(({ locality, weight, bytes }) => `${locality} ${weight} ${bytes.toString('hex')}`),
    hasNames,
    defects,
  };
}

describe('the endpoints of a large service', () => {
  it('are what they would be if all were encoded anew, whatever changes', () => {
    const history = fc.array(fc.array(edits, { minLength: 1, maxLength: 4 }), { maxLength: 8 });
    fc.assert(
      fc.property(history, (changes) => {
        const encoder = new EndpointEncoder('http');
        const kept = new KeptOutcomes();
        let origins: readonly Origin[] = [
          { source: 'a', service: 'large', instances: many, active: true },
          { source: 'b', service: 'large', instances: many.slice(0, 3), active: false },
        ];
        for (const change of [[], ...changes]) {
          for (const edit of change) origins = edited(origins, edit);
          const service: CatalogService = catalogService('large', [], { origins });
          assert.deepEqual(shown(encoder.encode(service)), plainly(service));
          kept.update(service, (instance) => encodeEndpoint(instance, 'http'));
          assert.equal(kept.hasTwins, hasTwins(service));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are encoded once, as long as the catalog has the same instances', () => {
    const encoder = new EndpointEncoder('http');
    const encode = (instances: readonly Instance[]) => encoder.encode(catalogService('large', instances)).endpoints;
    const first = encode(many);
    const other = anInstance('i060', { address: '10.9.9.9' });
    const second = encode(many.map((instance) => (instance.id === 'i060' ? other : instance)));
    const same = second.filter((endpoint, index) => endpoint === first[index]);
    assert.deepEqual([same.length, second[60]?.key], [119, '10.9.9.9:8080']);
    assert.equal(encode([...many.slice(0, 5), ...many.slice(7)]).filter((each) => first.includes(each)).length, 117);
  });
});
