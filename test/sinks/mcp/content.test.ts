import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CatalogService, Change } from '../../../core/catalog/catalog.js';
import { DiscoveryResponse } from '../../../proto/gen/discovery.js';
import { ResourceSet } from '../../../sinks/istio/resource-set.js';
import type { ShardContent } from '../../../sinks/mcp/shard-content.js';
import { whole } from '../../../sinks/mcp/shards.js';
import { contentOf, istioOptions, silent } from '../support/istio.js';
import { catalogService, instances } from '../support/services.js';

const serviceEntryTypes = ['v1', 'v1beta1', 'v1alpha3', 'v2', 'v2beta1'].map(
  (version) => `networking.istio.io/${version}/ServiceEntry`,
);

/** The whole, as a client of the sink gets it. */
function served(services?: Iterable<CatalogService>) {
  const set = new ResourceSet(istioOptions({ labels: [] }), silent);
  const content = contentOf(set);
  const apply = (change: Change) => {
    const changes = set.apply(change);
    if (changes.length > 0)
      content.apply(
        'ServiceEntry',
        changes.map(({ host, ...rest }) => ({ key: host, ...rest })),
      );
    return content.fill('ServiceEntry') || changes.length > 0;
  };
  if (services) apply({ revision: 1, reset: true, upserts: [...services], removes: [] });
  const shard = content.of(whole);
  if (typeof shard === 'string') throw new Error(shard);
  return { shard, apply };
}

function resourcesOf(content: ShardContent, typeUrl: string): string[] {
  const { bytes } = content.state(typeUrl)?.lease() ?? assert.fail('no state');
  return DiscoveryResponse.decode(bytes).resources.map(({ value }) => value.toString('base64'));
}

describe('the content of the MCP sink', () => {
  it('has no ServiceEntries before the first change, and everything else empty', () => {
    const { shard: content, apply } = served();
    for (const typeUrl of serviceEntryTypes) assert.equal(content.state(typeUrl), undefined);
    assert.deepEqual(resourcesOf(content, 'networking.istio.io/v1/Gateway'), []);
    assert.ok(apply({ revision: 0, reset: true, upserts: [], removes: [] }), 'nothing is something to be told');
    assert.deepEqual(resourcesOf(content, 'networking.istio.io/v1/ServiceEntry'), []);
  });

  it('is the same state until it changes, and then one with another nonce', () => {
    const { shard: content, apply } = served([catalogService('a.x', instances(1))]);
    const typeUrl = 'networking.istio.io/v1/ServiceEntry';
    const first = content.state(typeUrl);
    assert.equal(content.state(typeUrl), first);
    const change = (count: number) =>
      apply({ revision: 2, reset: false, upserts: [catalogService('a.x', instances(count))], removes: [] });
    assert.ok(!change(1));
    assert.equal(content.state(typeUrl), first);
    assert.ok(change(2));
    const second = content.state(typeUrl);
    assert.ok(change(1));
    const third = content.state(typeUrl);
    assert.equal(new Set([first?.nonce, second?.nonce, third?.nonce]).size, 3);
    assert.equal(third?.version, first?.version);
    assert.notEqual(second?.version, first?.version);
  });

  it('does not make a state in the buffer that it is made of', () => {
    const typeUrl = 'networking.istio.io/v1/ServiceEntry';
    const at = (counts: readonly number[]) =>
      counts.map((count, index) => catalogService(`${'abc'[index]}.x`, instances(count)));
    const { shard: content, apply } = served(at([20, 20, 20]));
    for (const counts of [
      [21, 20, 19],
      [22, 20, 18],
      [20, 20, 20],
    ]) {
      content.state(typeUrl)?.lease().release();
      apply({ revision: 1, reset: false, upserts: at(counts), removes: [] });
      assert.deepEqual(resourcesOf(content, typeUrl), resourcesOf(served(at(counts)).shard, typeUrl));
    }
  });

  it('lends bytes that stay as they are until they are released, and are right', () => {
    const host = fc.constantFrom('a.x', 'b.x', 'c.x');
    const typeUrl = fc.constantFrom(...serviceEntryTypes);
    const step = fc.oneof(
      // Several at once, and much that stays: so one grows in place while the next shrinks.
      fc.record({ counts: fc.array(fc.record({ host, count: fc.integer({ min: 8, max: 12 }) }), { maxLength: 3 }) }),
      fc.record({ remove: host }),
      fc.record({ lend: typeUrl }),
      fc.record({ release: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const services = new Map<string, CatalogService>();
        const { shard: content, apply } = served([]);
        const lent: { bytes: Buffer; copy: Buffer; release: () => void }[] = [];
        for (const now of steps) {
          if ('counts' in now) {
            const upserts = now.counts.map(({ host, count }) => catalogService(host, instances(count)));
            for (const service of upserts) services.set(service.host, service);
            apply({ revision: 1, reset: false, upserts, removes: [] });
          } else if ('remove' in now) {
            services.delete(now.remove);
            apply({ revision: 1, reset: false, upserts: [], removes: [now.remove] });
          } else if ('lend' in now) {
            const { bytes, release } = content.state(now.lend)?.lease() ?? assert.fail('no state');
            lent.push({ bytes, copy: Buffer.from(bytes), release });
            const { typeUrl, resources } = DiscoveryResponse.decode(bytes);
            assert.equal(typeUrl, now.lend);
            assert.deepEqual(
              resources.map(({ value }) => value.toString('base64')),
              resourcesOf(served(services.values()).shard, now.lend),
            );
          } else {
            lent.splice(now.release, 1)[0]?.release();
          }
          for (const { bytes, copy } of lent) assert.ok(bytes.equals(copy), 'lent bytes were overwritten');
        }
      }),
      { numRuns: 300 },
    );
  });
});
