import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { convertInstance, type InstanceRecord } from '../../../adapters/eureka/convert.js';
import { Sharing } from '../../../adapters/eureka/sharing.js';
import { Tombstones } from '../../../adapters/eureka/tombstones.js';
import { instanceJson } from './listing.js';

const options = { address: 'ip', protocol: 'http' } as const;

function record(id: string, change: Readonly<Record<string, unknown>> = {}): InstanceRecord {
  return convertInstance('A', instanceJson('A', id, change), 0, options, new Sharing());
}

const gone = (id: string) => record(id, { actionType: 'DELETED', lastUpdatedTimestamp: '1700000060000' });

describe('adapters/eureka Tombstones', () => {
  it('takes the word of a server that is read without a gap', () => {
    const tombstones = new Tombstones(600_000);
    tombstones.note(gone('a'), 0);
    tombstones.note(record('a'), 1);
    assert.equal(tombstones.coveredCount, 0);
  });

  it('keeps away what is listed after a gap, for its time at most', () => {
    const tombstones = new Tombstones(600_000);
    tombstones.note(gone('a'), 0);
    tombstones.beginReading();
    tombstones.beginListing(1);
    assert.equal(tombstones.has(record('a')), true);
    assert.equal(tombstones.has(record('b')), false);
    tombstones.note(record('a'), 1);
    assert.deepEqual([...(tombstones.covered('A') ?? [])], ['a']);
    assert.deepEqual(tombstones.expire(599_999), []);
    assert.deepEqual(tombstones.expire(600_000), ['A']);
    assert.equal(tombstones.covered('A'), undefined);
  });

  it('does not begin its time anew as the same end is told again and again', () => {
    const tombstones = new Tombstones(600_000);
    for (let nowMs = 0; nowMs < 600_000; nowMs += 5000) tombstones.note(gone('a'), nowMs);
    tombstones.beginReading();
    tombstones.beginListing(600_000);
    assert.equal(tombstones.has(record('a')), false);
  });

  it('tells when an instance need not be kept away any more', () => {
    const tombstones = new Tombstones(600_000);
    tombstones.note(gone('a'), 0);
    tombstones.beginReading();
    tombstones.note(record('a'), 1);
    assert.equal(tombstones.note(record('a', { lastDirtyTimestamp: '1700000000001' }), 2), true);
    assert.equal(tombstones.coveredCount, 0);
  });

  it('keeps away what an earlier process was told gone, until it is known to be back', () => {
    const earlier = new Tombstones(600_000);
    for (const id of ['a', 'b', 'c']) earlier.note(gone(id), 0);
    const tombstones = new Tombstones(600_000);
    tombstones.restore(earlier.list(), 1000);
    tombstones.beginListing(1000);
    tombstones.note(record('a'), 1000);
    tombstones.note(record('b', { lastDirtyTimestamp: '1700000000001' }), 1000);
    assert.deepEqual([...(tombstones.covered('A') ?? [])], ['a']);
    assert.deepEqual(tombstones.expire(599_999), []);
    assert.deepEqual(tombstones.expire(600_000), ['A']);
  });

  it('tells of each that is to be written down, and of what it knew already not again', () => {
    let told = 0;
    const tombstones = new Tombstones(600_000, () => void told++);
    tombstones.note(gone('a'), 0);
    tombstones.note(gone('a'), 1);
    tombstones.note(record('b'), 1);
    assert.equal(told, 1);
    const later = new Tombstones(600_000, () => void told++);
    later.restore(tombstones.list(), 2);
    later.note(gone('a'), 3);
    assert.equal(told, 1);
  });

  it('restores for a minute at least, however the clock was set meanwhile, and nothing of more than an hour', () => {
    const told = [0, 4_000_000, 5_000_000].map((toldMs, index) => ({
      ...{ application: 'A', id: `i${index}`, dirtyMs: 1_700_000_000_000, endedMs: 1_700_000_060_000, toldMs },
    }));
    const tombstones = new Tombstones(600_000);
    tombstones.restore(told.reverse(), 4_700_000);
    tombstones.beginListing(4_700_000);
    assert.deepEqual(
      ['i0', 'i1', 'i2'].filter((id) => tombstones.has(record(id))),
      ['i1', 'i2'],
    );
    tombstones.beginListing(4_760_000);
    assert.deepEqual(
      ['i1', 'i2'].filter((id) => tombstones.has(record(id))),
      ['i2'],
    );
    tombstones.beginListing(5_300_000); // told, by its clock, in the future: counts from the restart
    assert.equal(tombstones.has(record('i2')), false);
  });

  it('is bounded', () => {
    const tombstones = new Tombstones(600_000);
    for (let count = 0; count < 25_000; count++) tombstones.note(gone(`i${count}`), 0);
    assert.equal(tombstones.has(record('i0')), false);
    assert.equal(tombstones.has(record('i24999')), true);
    const restored = new Tombstones(600_000);
    restored.restore(
      Array.from({ length: 25_000 }, (_, index) => ({
        ...{ application: 'A', id: `i${index}`, dirtyMs: 0, endedMs: 0, toldMs: index },
      })),
      25_000,
    );
    assert.equal(restored.list().length, 20_000);
    assert.equal(restored.has(record('i24999')), true);
  });
});
