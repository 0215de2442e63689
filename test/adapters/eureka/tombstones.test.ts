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

  it('is bounded', () => {
    const tombstones = new Tombstones(600_000);
    for (let count = 0; count < 25_000; count++) tombstones.note(gone(`i${count}`), 0);
    assert.equal(tombstones.has(record('i0')), false);
    assert.equal(tombstones.has(record('i24999')), true);
  });
});
