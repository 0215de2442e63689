import assert from 'node:assert/strict';
import { anInstance, aService } from '../../support/model.js';
import { poll } from '../../support/poll.js';
import { startEngine } from './puppet.js';

describe('Engine', () => {
  it('is ready when all that was listed first stands in the catalog, however large', async () => {
    const { engine, sources, end } = startEngine(['a']);
    const services = Array.from({ length: 2345 }, (_, index) => aService(`s${index}`, [anInstance('1')]));
    sources[0]?.out?.replaceAll(services);
    await engine.catalog.ready(AbortSignal.timeout(5000));
    assert.equal(engine.catalog.snapshot().services.size, services.length);
    await end();
  });

  it('waits for every required source, and for none longer than its grace', async () => {
    const { engine, clock, sources, end } = startEngine(['a', 'b']);
    sources[0]?.out?.replaceAll([aService('x')]);
    await poll(() => engine.missing.length === 1, { what: 'a to be synced' });
    assert.equal(engine.catalog.isReady, false);
    await clock.advance(1000);
    assert.equal(engine.catalog.isReady, true);
    assert.deepEqual(engine.missing, ['b']);
    assert.deepEqual([...engine.catalog.snapshot().services.keys()], ['x.mesh']);
    await end();
  });

  it('takes a storm of changes of one service as its newest state', async () => {
    const { engine, sources, end } = startEngine(['a']);
    sources[0]?.out?.replaceAll([]);
    await engine.catalog.ready(AbortSignal.timeout(5000));
    const before = engine.catalog.snapshot().revision;
    for (let weight = 1; weight <= 1000; weight++)
      sources[0]?.out?.upsert(aService('x', [anInstance('1', { weight })]));
    await poll(() => engine.catalog.snapshot().revision > before, { what: 'the change' });
    assert.equal(engine.catalog.snapshot().revision, before + 1);
    const service = engine.catalog.snapshot().services.get('x.mesh');
    assert.equal(service?.origins[0]?.instances[0]?.weight, 1000);
    await end();
  });
});
