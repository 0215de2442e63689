import assert from 'node:assert/strict';
import { Readiness } from '../../../core/catalog/readiness.js';
import { ManualClock } from '../../../testkit/clock.js';

const sources = [
  { name: 'a', graceMs: 1000 },
  { name: 'b', graceMs: 5000 },
];

describe('Readiness', () => {
  it('is open at once when nothing is required', () => {
    assert.equal(new Readiness([]).isReady, true);
  });

  it('opens when the last required source is synced', async () => {
    const readiness = new Readiness(sources);
    const opened = readiness.wait(AbortSignal.timeout(5000));
    readiness.synced('a');
    assert.equal(readiness.isReady, false);
    assert.deepEqual(readiness.missing, ['b']);
    readiness.synced('b');
    assert.equal(readiness.isReady, true);
    await opened;
  });

  it('opens when the grace of those that are missing is over', async () => {
    const clock = new ManualClock();
    const readiness = new Readiness(sources);
    const overdue: string[] = [];
    const stop = new AbortController();
    const running = readiness.runGrace(clock, stop.signal, ({ name }) => overdue.push(name));
    await clock.advance(1000);
    assert.deepEqual(overdue, ['a']);
    assert.equal(readiness.isReady, false);
    await clock.advance(4000);
    assert.deepEqual(overdue, ['a', 'b']);
    assert.equal(readiness.isReady, true);
    assert.deepEqual(readiness.missing, ['a', 'b']);
    await running;
  });

  it('does not go out with a part of a listing that is being taken in when the grace ends', async () => {
    const clock = new ManualClock();
    const readiness = new Readiness([{ name: 'a', graceMs: 1000 }]);
    const running = readiness.runGrace(clock, AbortSignal.timeout(5000), () => assert.fail('overdue'));
    readiness.listed('a');
    await clock.advance(1000);
    assert.equal(readiness.isReady, false);
    readiness.synced('a');
    assert.equal(readiness.isReady, true);
    await running;
  });

  it('waits no longer than its signal', async () => {
    const stop = new AbortController();
    const waiting = new Readiness(sources).wait(stop.signal);
    stop.abort(new Error('enough'));
    await assert.rejects(waiting, /enough/);
  });
});
