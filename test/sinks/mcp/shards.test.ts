import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  jumpHash,
  maxShards,
  shardIndexOf,
  shardLabel,
  shardOfAuthority,
  shardPort,
} from '../../../sinks/mcp/shards.js';

const count = fc.integer({ min: 1, max: maxShards });
const host = fc.stringMatching(/^[a-z0-9.-]{1,40}$/);

describe('the shard of a host', () => {
  it('is by jump hash, as others compute it', () => {
    // Of the implementations in Go and Java.
    const known: [bigint, number, number][] = [
      [1n, 1, 0],
      [42n, 57, 43],
      [0xdead10ccn, 1, 0],
      [0xdead10ccn, 666, 361],
      [256n, 1024, 520],
    ];
    for (const [key, buckets, bucket] of known) assert.equal(jumpHash(key, buckets), bucket);
  });

  it('is exactly one of those there are', () => {
    fc.assert(
      fc.property(host, count, (name, shards) => {
        const index = shardIndexOf(name, shards);
        assert.ok(Number.isInteger(index) && index >= 0 && index < shards);
        assert.equal(shardIndexOf(name, shards), index);
      }),
    );
  });

  it('stays the same, or is the new one, when there is one more', () => {
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: maxShards - 1 }), (name, shards) => {
        const [before, after] = [shardIndexOf(name, shards), shardIndexOf(name, shards + 1)];
        assert.ok(after === before || after === shards);
      }),
      { numRuns: 2000 },
    );
  });

  it('is any with the same likelihood, and few move when there is one more', () => {
    const hosts = Array.from({ length: 10_000 }, (_, index) => `service-${index}.dubbo`);
    const sizes = new Array<number>(16).fill(0);
    for (const name of hosts) sizes[shardIndexOf(name, 16)] = (sizes[shardIndexOf(name, 16)] ?? 0) + 1;
    for (const size of sizes) assert.ok(size > 500 && size < 750, `${sizes}`);
    const moved = hosts.filter((name) => shardIndexOf(name, 16) !== shardIndexOf(name, 17)).length;
    assert.ok(moved > 400 && moved < 800, `${moved} of 10000`);
  });
});

describe('how a shard is dialled', () => {
  it('says which it is and of how many', () => {
    fc.assert(
      fc.property(count, fc.nat(maxShards), (shards, any) => {
        const shard = { index: any % shards, count: shards };
        for (const authority of [
          `${shardLabel(shard)}.isthmus.istio-system.svc:15010`,
          `isthmus-${shardLabel(shard)}.istio-system.svc`,
          `${shardLabel(shard).toUpperCase()}.isthmus:15010`,
        ]) {
          assert.deepEqual(shardOfAuthority(authority), shard);
        }
      }),
    );
  });

  it('is the whole by any other name', () => {
    for (const authority of [
      '',
      '127.0.0.1:15010',
      '[::1]:15010',
      'isthmus.istio-system.svc:15010',
      'isthmus.shard-0-of-2.x',
      'reshard-0-of-2x.y',
    ]) {
      assert.deepEqual(shardOfAuthority(authority), { index: 0, count: 1 }, authority);
    }
  });

  it('is refused when there is no such shard', () => {
    for (const authority of [
      'shard-2-of-2.x',
      'shard-0-of-0.x',
      'shard-0-of-65.x',
      `shard-0-of-${'9'.repeat(400)}.x`,
    ]) {
      const reason = shardOfAuthority(authority);
      assert.ok(typeof reason === 'string' && reason.length < 200, authority);
    }
  });

  it('never fails, whatever a client dials', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[a-z-]{0,9}shard-[0-9]{0,4}-of-[0-9]{0,4}[.:a-z]{0,9}$/)),
        (authority) => {
          const shard = shardOfAuthority(authority);
          if (typeof shard !== 'string') assert.ok(shard.index < shard.count && shard.count <= maxShards);
        },
      ),
    );
  });

  it('is on no port of any other shard of any other number', () => {
    const ports = new Map<number, string>();
    for (let of = 2; of <= maxShards; of++) {
      for (let index = 0; index < of; index++) {
        const port = shardPort(15_010, { index, count: of });
        assert.ok(port !== 15_010 && !ports.has(port), `${index} of ${of} and ${ports.get(port)}`);
        ports.set(port, `${index} of ${of}`);
      }
    }
  });
});
