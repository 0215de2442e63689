import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CatalogService, Change } from '../../../core/catalog/catalog.js';
import { DiscoveryResponse } from '../../../proto/gen/discovery.js';
import { Resource } from '../../../proto/gen/mcp.js';
import { ResourceSet } from '../../../sinks/istio/resource-set.js';
import type { IstioOptions } from '../../../sinks/istio/settings.js';
import { anInstance } from '../../support/model.js';
import { assembled, istioOptions } from '../support/istio.js';
import { catalogService, instances } from '../support/services.js';

const nothing = Buffer.alloc(0);

function change(upserts: readonly CatalogService[], removes: readonly string[] = [], reset = false): Change {
  return { revision: 1, reset, upserts, removes };
}

function resourceSet(overrides: Partial<IstioOptions> = {}) {
  const invalid: string[] = [];
  const defective: string[] = [];
  const set = new ResourceSet(istioOptions(overrides), {
    onInvalid: (host) => invalid.push(host),
    onDefects: (host) => defective.push(host),
  });
  return { set, invalid, defective };
}

function decoded(set: ResourceSet): { name: string; version: string }[] {
  return DiscoveryResponse.decode(assembled(set).concat(nothing, nothing)).resources.map(({ value }) => {
    const { name = '', version = '' } = Resource.decode(value).metadata ?? {};
    return { name, version };
  });
}

/** Whether a change made any to the bytes. */
function applied(set: ResourceSet, of: Change): boolean {
  return set.apply(of).length > 0;
}

const badPorts = [
  { name: 'a', number: 80, protocol: 'http' },
  { name: 'b', number: 80, protocol: 'http' },
] as const;

describe('the set of encoded resources', () => {
  it('is in the order of hosts, between head and tail', () => {
    const { set } = resourceSet();
    set.apply(change([catalogService('b.x'), catalogService('a.x'), catalogService('c.x')]));
    assert.deepEqual(
      decoded(set).map(({ name }) => name),
      ['legacy/a.x', 'legacy/b.x', 'legacy/c.x'],
    );
    const bytes = assembled(set).concat(Buffer.from('head'), Buffer.from('tail'));
    assert.equal(bytes.subarray(0, 4).toString(), 'head');
    assert.equal(bytes.subarray(-4).toString(), 'tail');
    assert.equal(bytes.length, set.byteLength + 8);
  });

  it('says no change when what istiod sees does not differ', () => {
    const { set } = resourceSet();
    assert.ok(applied(set, change([catalogService('a.x', instances(2))])));
    const { revision } = set;
    const unseen = instances(2).map((instance) => ({ ...instance, metadata: { pid: '17' } }));
    assert.ok(!applied(set, change([catalogService('a.x', unseen, { version: 'another', metadata: { owner: 'x' } })])));
    assert.ok(!applied(set, change([catalogService('a.x', [...instances(2), anInstance('z', { weight: 0 })])])));
    assert.ok(!applied(set, change([], ['never.there'])));
    assert.equal(set.revision, revision);
  });

  it('changes the version of a resource with everything that is in it', () => {
    const base = catalogService('a.x', instances(2));
    const from = (service: CatalogService, overrides: Partial<IstioOptions> = {}) => {
      const { set } = resourceSet(overrides);
      set.apply(change([service]));
      return decoded(set)[0]?.version;
    };
    const versions = [
      from(base),
      from(catalogService('a.x', instances(3))),
      from(catalogService('a.x', instances(2, { weight: 7 }))),
      from(catalogService('a.x', instances(2, { metadata: { version: 'v2' } }))),
      from(catalogService('a.x', instances(2), { ports: [{ name: 'http', number: 81, protocol: 'http' }] })),
      from({ ...base, origins: base.origins.map((origin) => ({ ...origin, source: 'eureka-bj' })) }),
      from(base, { namespace: 'other' }),
      from(base, { location: 'external' }),
    ];
    assert.equal(new Set(versions).size, versions.length);
    assert.equal(from(base), versions[0]);
  });

  it('has a resource a port, each with the endpoints that have it, and none for a port that is gone', () => {
    const { set } = resourceSet();
    const dubbo = { name: 'dubbo', number: 20880, protocol: 'dubbo' } as const;
    const tri = { name: 'tri', number: 50051, protocol: 'tri' } as const;
    const both = [anInstance('1', { ports: { dubbo: 20880 } }), anInstance('2', { ports: { tri: 50051 } })];
    set.apply(change([catalogService('a.x', both, { ports: [dubbo, tri] })]));
    assert.deepEqual(
      decoded(set).map(({ name }) => name),
      ['legacy/a.x', 'legacy/a.x.50051'],
    );
    set.apply(change([catalogService('a.x', both, { ports: [tri] })]));
    assert.deepEqual(
      decoded(set).map(({ name }) => name),
      ['legacy/a.x'],
    );
    set.apply(change([catalogService('a.x', both, { ports: [dubbo, tri] })]));
    assert.ok(applied(set, change([], ['a.x'])));
    assert.equal(set.size, 0);
    assert.equal(set.byteLength, 0);
  });

  it('keeps the last good copy of a service that became invalid, and says so once', () => {
    const { set, invalid } = resourceSet();
    set.apply(change([catalogService('a.x', instances(2))]));
    const before = assembled(set).concat(nothing, nothing);
    assert.ok(!applied(set, change([catalogService('a.x', instances(3), { ports: badPorts })])));
    assert.ok(!applied(set, change([catalogService('a.x', instances(4), { ports: badPorts })])));
    assert.deepEqual(assembled(set).concat(nothing, nothing), before);
    assert.deepEqual([...set.invalid()], [{ host: 'a.x', reasons: ['the port 80 is there twice'], serving: true }]);
    assert.deepEqual(invalid, ['a.x']);
    assert.ok(applied(set, change([catalogService('a.x', instances(3))])));
    assert.equal(set.invalidCount, 0);
  });

  it('has nothing for a service that never was valid, and forgets it when it goes', () => {
    const { set } = resourceSet();
    assert.ok(!applied(set, change([catalogService('a.x', [], { ports: badPorts })])));
    assert.equal(set.size, 0);
    assert.deepEqual(
      [...set.invalid()].map(({ serving }) => serving),
      [false],
    );
    assert.ok(!applied(set, change([], ['a.x'])));
    assert.equal(set.invalidCount, 0);
  });

  it('says of parts that were left out, until they are well', () => {
    const { set, defective } = resourceSet();
    const broken = catalogService('a.x', [anInstance('a'), anInstance('b', { address: 'a b' })]);
    set.apply(change([broken]));
    set.apply(change([broken]));
    assert.deepEqual(defective, ['a.x']);
    assert.deepEqual(
      [...set.defective()].map(({ host, total }) => [host, total]),
      [['a.x', 1]],
    );
    set.apply(change([catalogService('a.x', [anInstance('a')])]));
    assert.deepEqual([...set.defective()], []);
  });

  it('a reset is everything there is', () => {
    const { set } = resourceSet();
    set.apply(change([catalogService('a.x'), catalogService('b.x')]));
    assert.ok(applied(set, change([catalogService('b.x')], [], true)));
    assert.deepEqual(
      decoded(set).map(({ name }) => name),
      ['legacy/b.x'],
    );
  });

  it('is the same on every replica, whatever the way there', () => {
    const host = fc.constantFrom('a.x', 'b.x', 'c.x', 'd.x');
    const step = fc.oneof(fc.record({ host, count: fc.nat(3), shuffled: fc.boolean() }), fc.record({ remove: host }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { set } = resourceSet();
        const last = new Map<string, CatalogService>();
        for (const now of steps) {
          if ('remove' in now) {
            last.delete(now.remove);
            set.apply(change([], [now.remove]));
            continue;
          }
          const list = instances(now.count, { metadata: { version: 'v1', app: 'x' } });
          if (now.shuffled) list.reverse();
          const service = catalogService(now.host, list);
          last.set(now.host, service);
          set.apply(change([service]));
        }
        const replica = resourceSet({ labels: ['app', 'version'] }).set;
        replica.apply(change([...last.values()].reverse(), [], true));
        assert.deepEqual(assembled(replica).concat(nothing, nothing), assembled(set).concat(nothing, nothing));
        assert.equal(assembled(replica).version(), assembled(set).version());
        assert.equal(replica.byteLength, set.byteLength);
      }),
    );
  });
});
