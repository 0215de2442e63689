import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import { Dependencies } from '../../../sinks/istio/dependencies.js';
import { decodeDependencies, encodeDependencies } from '../../../sinks/istio/dependency-records.js';
import { catalogService } from '../support/services.js';

const trimAfterMs = 1000;
const settleMs = 100;

/** A host that has one service of source `zk`, of the host's first label. */
function host(name: string, services: readonly string[] = [name.split('.')[0] ?? '']): CatalogService {
  return catalogService(name, [], {
    origins: services.map((service) => ({ source: 'zk', service, instances: [], active: true })),
  });
}

describe('what applications depend on', () => {
  let nowMs: number;
  let dependencies: Dependencies;

  beforeEach(() => {
    nowMs = 1_000_000;
    dependencies = new Dependencies({ trimAfterMs, settleMs, now: () => nowMs });
  });

  const put = (...services: CatalogService[]) =>
    dependencies.apply({ revision: 1, reset: false, upserts: services, removes: [] });
  const remove = (...removes: string[]) => dependencies.apply({ revision: 1, reset: false, upserts: [], removes });
  const declare = (service: string, ...applications: string[]) =>
    dependencies.declare('zk', service, new Set(applications));
  const pass = (ms: number) => {
    nowMs += ms;
    return dependencies.expire();
  };

  it('is what they declare, under the hosts of the catalog, whichever is known first', () => {
    declare('pay', 'shop');
    put(host('pay.x'), host('ship.x'));
    declare('ship', 'shop', 'depot');
    assert.deepEqual(dependencies.hostsOf('shop'), [], 'others may be still to come');
    assert.deepEqual([...pass(settleMs)].sort(), ['depot', 'shop']);
    assert.deepEqual(dependencies.hostsOf('shop'), ['pay.x', 'ship.x']);
    assert.deepEqual(dependencies.hostsOf('depot'), ['ship.x']);
    assert.deepEqual(dependencies.hostsOf('nobody'), []);
  });

  it('grows at once', () => {
    put(host('pay.x'), host('ship.x'));
    declare('pay', 'shop');
    pass(settleMs);
    assert.deepEqual([...declare('ship', 'shop')], ['shop']);
    assert.deepEqual(dependencies.hostsOf('shop'), ['pay.x', 'ship.x']);
  });

  it('shrinks only after a time, and not when what was gone is back before', () => {
    put(host('pay.x'), host('ship.x'));
    declare('pay', 'shop');
    declare('ship', 'shop');
    pass(settleMs);
    assert.deepEqual([...declare('pay')], []);
    remove('ship.x');
    assert.equal(dependencies.vanishedCount, 2);
    pass(trimAfterMs - 1);
    assert.deepEqual(dependencies.hostsOf('shop'), ['pay.x', 'ship.x']);
    declare('pay', 'shop');
    assert.deepEqual([...pass(1)], ['shop']);
    assert.deepEqual(dependencies.hostsOf('shop'), ['pay.x']);
  });

  it('is nothing any more when all of it was trimmed: the application is as one that was never known', () => {
    put(host('pay.x'));
    declare('pay', 'shop');
    pass(settleMs);
    declare('pay');
    assert.deepEqual([...pass(trimAfterMs)], ['shop']);
    assert.ok(!dependencies.known.has('shop'));
    declare('pay', 'shop');
    assert.deepEqual(dependencies.hostsOf('shop'), []);
  });

  it('does not change when a service moves from one host to another and an alias stays', () => {
    put(host('pay.x'), host('alias.x', ['pay']));
    declare('pay', 'shop');
    pass(settleMs);
    assert.deepEqual(dependencies.hostsOf('shop'), ['alias.x', 'pay.x']);
    assert.deepEqual([...put(host('alias.x', ['other']))], []);
    assert.deepEqual(dependencies.hostsOf('shop'), ['alias.x', 'pay.x']);
    pass(trimAfterMs);
    assert.deepEqual(dependencies.hostsOf('shop'), ['pay.x']);
  });

  it('is known after a restart, with the times', () => {
    put(host('pay.x'), host('ship.x'));
    declare('pay', 'shop');
    declare('ship', 'shop');
    pass(settleMs);
    declare('pay');
    nowMs += 600;
    const texts = encodeDependencies(dependencies.stored());
    dependencies = new Dependencies({ trimAfterMs, settleMs, now: () => nowMs });
    dependencies.restore(decodeDependencies(texts));
    assert.deepEqual(dependencies.hostsOf('shop'), ['pay.x', 'ship.x'], 'at once, with nothing read yet');
    put(host('ship.x'), host('pay.x'));
    declare('ship', 'shop');
    assert.deepEqual([...pass(400)], ['shop']);
    assert.deepEqual(dependencies.hostsOf('shop'), ['ship.x']);
    assert.equal(dependencies.vanishedCount, 0);
  });

  it('is decoded from any file without failing', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.json())), (texts) => {
        for (const { application, host: name } of decodeDependencies(texts))
          assert.ok(application !== '' && name !== '');
      }),
    );
    const stored = [
      { application: 'a', host: 'b.c' },
      { application: 'd', host: 'e.f', vanishedMs: 7 },
    ];
    assert.deepEqual(decodeDependencies(encodeDependencies(stored)), stored);
  });

  it('is what a plain model says, whatever comes and goes', () => {
    const name = fc.constantFrom('s0', 's1', 's2');
    const application = fc.constantFrom('a', 'b');
    const step = fc.oneof(
      fc.record({ put: fc.constantFrom('h0.x', 'h1.x', 'h2.x'), services: fc.uniqueArray(name, { maxLength: 2 }) }),
      fc.record({ remove: fc.constantFrom('h0.x', 'h1.x', 'h2.x') }),
      fc.record({ declare: name, applications: fc.uniqueArray(application) }),
      fc.record({ pass: fc.constantFrom(1, 60, 400, 1000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        nowMs = 1_000_000;
        dependencies = new Dependencies({ trimAfterMs, settleMs, now: () => nowMs });
        const services = new Map<string, readonly string[]>();
        const consumers = new Map<string, readonly string[]>();
        /** Application and host → since when it is gone; undefined: it is there. */
        const seen = new Map<string, number | undefined>();
        for (const now of steps) {
          if ('put' in now) {
            services.set(now.put, now.services);
            put(host(now.put, now.services));
          } else if ('remove' in now) {
            services.delete(now.remove);
            remove(now.remove);
          } else if ('declare' in now) {
            consumers.set(now.declare, now.applications);
            declare(now.declare, ...now.applications);
          } else pass(now.pass);
          const edges = new Set(
            [...services].flatMap(([at, names]) =>
              names.flatMap((service) => (consumers.get(service) ?? []).map((each) => `${each} ${at}`)),
            ),
          );
          for (const edge of edges) seen.set(edge, undefined);
          for (const [edge, since] of seen) {
            if (edges.has(edge)) continue;
            if (since === undefined) seen.set(edge, nowMs);
            else if ('pass' in now && since + trimAfterMs <= nowMs) seen.delete(edge);
          }
          for (const each of dependencies.known) {
            const expected = [...seen.keys()]
              .filter((edge) => edge.startsWith(`${each} `))
              .map((edge) => edge.slice(2));
            assert.deepEqual(dependencies.hostsOf(each), expected.sort());
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
