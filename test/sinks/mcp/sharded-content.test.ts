import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import { DiscoveryResponse } from '../../../proto/gen/discovery.js';
import { Resource } from '../../../proto/gen/mcp.js';
import { ResourceSet } from '../../../sinks/istio/resource-set.js';
import { McpContent } from '../../../sinks/mcp/content.js';
import type { ShardContent } from '../../../sinks/mcp/shard-content.js';
import { shardIndexOf } from '../../../sinks/mcp/shards.js';
import { entriesOf, istioOptions, silent } from '../support/istio.js';
import { catalogService, instances } from '../support/services.js';

const typeUrl = 'networking.istio.io/v1/ServiceEntry';

/** Services in shards of several numbers, some there from the start, others when they are asked for. */
class Sharded {
  readonly set = new ResourceSet(istioOptions(), silent);
  readonly read = new Set<number>();
  readonly content: McpContent;

  constructor(counts: readonly number[]) {
    this.content = new McpContent({
      lists: entriesOf(this.set),
      counts,
      now: () => 0,
      isRead: (count) => this.read.has(count),
    });
    this.content.fill('ServiceEntry');
  }

  apply(upserts: readonly CatalogService[], removes: readonly string[] = []): void {
    const changes = this.set.apply({ revision: 1, reset: false, upserts, removes });
    this.content.apply(
      'ServiceEntry',
      changes.map(({ host, ...rest }) => ({ key: host, ...rest })),
    );
  }

  shard(index: number, count: number): ShardContent {
    const shard = this.content.of({ index, count });
    if (typeof shard === 'string') throw new Error(shard);
    return shard;
  }

  hosts(index: number, count: number): string[] {
    const { bytes } = this.shard(index, count).state(typeUrl)?.lease() ?? assert.fail('no state');
    return DiscoveryResponse.decode(bytes).resources.map(
      ({ value }) => Resource.decode(value).metadata?.name.replace('legacy/', '') ?? '',
    );
  }
}

describe('the content in shards', () => {
  it('has each host in exactly one shard of each number, whatever came, went and was asked for', () => {
    const host = fc.integer({ min: 0, max: 30 }).map((number) => `s${number}.x`);
    const step = fc.oneof(
      fc.record({ put: host, endpoints: fc.nat(3) }),
      fc.record({ remove: host }),
      fc.record({ ask: fc.integer({ min: 1, max: 9 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const sharded = new Sharded([1, 4]);
        const present = new Set<string>();
        const asked = new Set([1, 4]);
        for (const now of steps) {
          if ('put' in now) {
            present.add(now.put);
            sharded.apply([catalogService(now.put, instances(now.endpoints))]);
          } else if ('remove' in now) {
            present.delete(now.remove);
            sharded.apply([], [now.remove]);
          } else {
            sharded.shard(0, now.ask);
            asked.add(now.ask);
          }
        }
        for (const count of asked) {
          const found = Array.from({ length: count }, (_, index) => sharded.hosts(index, count));
          assert.deepEqual(found.flat().sort(), [...present].sort());
          for (const [index, hosts] of found.entries()) {
            for (const each of hosts) assert.equal(shardIndexOf(each, count), index);
          }
        }
      }),
    );
  });

  it('leaves every other shard as it is: the same state with the same bytes', () => {
    const sharded = new Sharded([8]);
    const all = Array.from({ length: 100 }, (_, index) => `s${index}.x`);
    sharded.apply(all.map((host) => catalogService(host, instances(1))));
    const states = () => Array.from({ length: 8 }, (_, index) => sharded.shard(index, 8).state(typeUrl));
    const before = states();
    const bytes = before.map((state) => state?.lease().bytes);
    sharded.apply([catalogService('s7.x', instances(2))]);
    const own = shardIndexOf('s7.x', 8);
    for (const [index, state] of states().entries()) {
      if (index === own) assert.notEqual(state?.version, before[index]?.version);
      else {
        assert.equal(state, before[index]);
        assert.equal(state?.lease().bytes, bytes[index]);
      }
    }
  });

  it('hands the same bytes to every client of a shard', () => {
    const sharded = new Sharded([2]);
    sharded.apply([catalogService('a.x', instances(3)), catalogService('b.x', instances(3))]);
    for (const index of [0, 1]) {
      const [one, other] = [0, 1].map(() => sharded.shard(index, 2).state(typeUrl)?.lease().bytes);
      assert.ok(one);
      assert.equal(one, other);
    }
  });

  it('has equal versions on every replica, however it came to be', () => {
    const services = Array.from({ length: 40 }, (_, index) =>
      catalogService(`s${index}.x`, instances(1 + (index % 3))),
    );
    const [one, other] = [new Sharded([4]), new Sharded([4])];
    one.apply(services);
    for (const service of [...services].reverse()) other.apply([service]);
    other.apply([catalogService('gone.x')]);
    other.apply([], ['gone.x']);
    for (const index of [0, 1, 2, 3]) {
      assert.equal(one.shard(index, 4).state(typeUrl)?.version, other.shard(index, 4).state(typeUrl)?.version);
    }
  });

  it('cuts into a bounded number of ways at a time, and lets go of one that nobody reads', () => {
    const sharded = new Sharded([16]);
    for (const count of [2, 3, 5]) {
      sharded.read.add(count);
      sharded.shard(0, count);
    }
    assert.match(String(sharded.content.of({ index: 0, count: 7 })), /16, 2, 3, 5 shards already; 7 are too many ways/);
    sharded.read.delete(3);
    sharded.shard(0, 7);
    assert.deepEqual(
      [...sharded.content.cuts()].map(([count]) => count),
      [16, 2, 5, 7],
    );
  });

  it('keeps few states when a client asks by many versions of a type, and serves each', () => {
    const sharded = new Sharded([1]);
    sharded.apply([catalogService('a.x', instances(2))]);
    const urls = Array.from({ length: 40 }, (_, index) => `networking.istio.io/v${index + 1}/ServiceEntry`);
    const held = urls.map((url) => ({ url, ...(sharded.shard(0, 1).state(url)?.lease() ?? assert.fail(url)) }));
    sharded.apply([catalogService('a.x', instances(3))]);
    for (const url of urls) sharded.shard(0, 1).state(url)?.lease().release();
    for (const { url, bytes } of held) {
      const { typeUrl: told, resources } = DiscoveryResponse.decode(bytes);
      assert.equal(told, url, 'lent bytes were overwritten');
      assert.equal(resources.length, 1);
    }
  });
});
