import assert from 'node:assert/strict';
import pino from 'pino';
import { HostTemplate } from '../../core/catalog/host-template.js';
import { Naming } from '../../core/catalog/naming.js';
import { Engine } from '../../core/engine/engine.js';
import type { SourceOutput } from '../../core/source/source.js';
import { ManualClock } from '../../testkit/clock.js';
import { anInstance, aService } from '../support/model.js';
import { poll } from '../support/poll.js';

/** A source that publishes what a test tells it to. */
class PuppetSource {
  out: SourceOutput | undefined;

  run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    this.out = out;
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }
}

function anEngine(...names: string[]) {
  const clock = new ManualClock();
  const sources = names.map((name) => ({ name, source: new PuppetSource() }));
  const engine = new Engine({
    sources: sources.map((entry) => ({ ...entry, kind: 'puppet', required: true, graceMs: 1000, staleAfterMs: 1000 })),
    naming: new Naming([], new Map(names.map((name) => [name, new HostTemplate('{name}.mesh')]))),
    policyOf: () => ({ mode: 'union' }),
    clock,
    logger: pino({ level: 'silent' }),
  });
  const stop = new AbortController();
  const running = engine.run(stop.signal);
  const end = () => {
    stop.abort();
    return running;
  };
  return { engine, clock, sources: sources.map(({ source }) => source), end };
}

describe('Engine', () => {
  it('is ready when all that was listed first stands in the catalog, however large', async () => {
    const { engine, sources, end } = anEngine('a');
    const services = Array.from({ length: 2345 }, (_, index) => aService(`s${index}`, [anInstance('1')]));
    sources[0]?.out?.replaceAll(services);
    await engine.catalog.ready(AbortSignal.timeout(5000));
    assert.equal(engine.catalog.snapshot().services.size, services.length);
    await end();
  });

  it('waits for every required source, and for none longer than its grace', async () => {
    const { engine, clock, sources, end } = anEngine('a', 'b');
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
    const { engine, sources, end } = anEngine('a');
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
