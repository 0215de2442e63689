import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import { DiscoveryResponse } from '../../../proto/gen/discovery.js';
import { ResourceSet } from '../../../sinks/istio/resource-set.js';
import type { IstioOptions } from '../../../sinks/istio/service-entry.js';
import { McpContent } from '../../../sinks/mcp/content.js';
import { serviceEntryTypes } from '../../../sinks/mcp/types.js';
import { catalogService, instances } from '../support/services.js';

const options: IstioOptions = { namespace: 'legacy', location: 'internal', labels: [], exportTo: [] };
const silent = { onInvalid: () => undefined, onDefects: () => undefined };

function contentOf(services: Iterable<CatalogService>): McpContent {
  const content = new McpContent(new ResourceSet(options, silent));
  content.apply({ revision: 1, reset: true, upserts: [...services], removes: [] });
  return content;
}

function resourcesOf(content: McpContent, typeUrl: string): string[] {
  const { bytes } = content.state(typeUrl)?.lease() ?? assert.fail('no state');
  return DiscoveryResponse.decode(bytes).resources.map(({ value }) => value.toString('base64'));
}

describe('the content of the MCP sink', () => {
  it('has no ServiceEntries before the first change, and everything else empty', () => {
    const content = new McpContent(new ResourceSet(options, silent));
    for (const typeUrl of serviceEntryTypes) assert.equal(content.state(typeUrl), undefined);
    assert.deepEqual(resourcesOf(content, 'networking.istio.io/v1/Gateway'), []);
    assert.ok(content.apply({ revision: 0, reset: true, upserts: [], removes: [] }), 'nothing is something to be told');
    assert.deepEqual(resourcesOf(content, 'networking.istio.io/v1/ServiceEntry'), []);
  });

  it('is the same state until it changes, and then one with another nonce', () => {
    const content = contentOf([catalogService('a.x', instances(1))]);
    const typeUrl = 'networking.istio.io/v1/ServiceEntry';
    const first = content.state(typeUrl);
    assert.equal(content.state(typeUrl), first);
    const change = (count: number) =>
      content.apply({ revision: 2, reset: false, upserts: [catalogService('a.x', instances(count))], removes: [] });
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
    const content = contentOf(at([20, 20, 20]));
    for (const counts of [
      [21, 20, 19],
      [22, 20, 18],
      [20, 20, 20],
    ]) {
      content.state(typeUrl)?.lease().release();
      content.apply({ revision: 1, reset: false, upserts: at(counts), removes: [] });
      assert.deepEqual(resourcesOf(content, typeUrl), resourcesOf(contentOf(at(counts)), typeUrl));
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
        const content = contentOf([]);
        const lent: { bytes: Buffer; copy: Buffer; release: () => void }[] = [];
        for (const now of steps) {
          if ('counts' in now) {
            const upserts = now.counts.map(({ host, count }) => catalogService(host, instances(count)));
            for (const service of upserts) services.set(service.host, service);
            content.apply({ revision: 1, reset: false, upserts, removes: [] });
          } else if ('remove' in now) {
            services.delete(now.remove);
            content.apply({ revision: 1, reset: false, upserts: [], removes: [now.remove] });
          } else if ('lend' in now) {
            const { bytes, release } = content.state(now.lend)?.lease() ?? assert.fail('no state');
            lent.push({ bytes, copy: Buffer.from(bytes), release });
            const { typeUrl, resources } = DiscoveryResponse.decode(bytes);
            assert.equal(typeUrl, now.lend);
            assert.deepEqual(
              resources.map(({ value }) => value.toString('base64')),
              resourcesOf(contentOf(services.values()), now.lend),
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
