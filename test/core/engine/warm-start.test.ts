import assert from 'node:assert/strict';
import type { Service } from '../../../core/model/index.js';
import type { StoredSource, StoredTrust, WarmStore } from '../../../core/warm/warm-store.js';
import { ManualClock } from '../../../testkit/clock.js';
import { anInstance, aService } from '../../support/model.js';
import { poll } from '../../support/poll.js';
import { startEngine } from './puppet.js';

/** A disk that a test can look into. */
class MemoryStore implements WarmStore {
  readonly services = new Map<string, Service>();
  readonly trusts: StoredTrust[] = [];
  ended = false;

  constructor(readonly stored: ReadonlyMap<string, StoredSource> = new Map()) {}

  async load(): Promise<ReadonlyMap<string, StoredSource>> {
    return this.stored;
  }

  put(source: string, service: Service): void {
    this.services.set(`${source}/${service.name}`, service);
  }

  remove(source: string, name: string): void {
    this.services.delete(`${source}/${name}`);
  }

  trust(_source: string, trust: StoredTrust): void {
    assert.ok(!this.ended, 'told after the end');
    this.trusts.push(trust);
  }

  async run(signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    this.ended = true;
  }
}

const startMs = new ManualClock().now();
const instances = (count: number) => Array.from({ length: count }, (_, index) => anInstance(`i${index}`));
const stored = (services: readonly Service[], trust: Partial<StoredTrust> = {}): StoredSource => ({
  services,
  trust: { confirmedMs: startMs, degraded: [], holds: [], freezes: [], ...trust },
});

describe('warm start', () => {
  it('serves what was restored as soon as reading fails, and says so', async () => {
    const store = new MemoryStore(new Map([['a', stored([aService('x', instances(3))])]]));
    const { engine, sources, end } = startEngine(['a'], { store });
    await poll(() => sources[0]?.out !== undefined && engine.catalog.size === 1, { what: 'the restored service' });
    assert.equal(engine.catalog.isReady, false);
    sources[0]?.out?.degraded(new Error('connection refused'));
    assert.equal(engine.catalog.isReady, true);
    assert.equal(engine.catalog.snapshot().services.get('x.mesh')?.origins[0]?.instances.length, 3);
    const [status] = engine.statuses();
    assert.equal(status?.status.state, 'restored');
    assert.equal(status?.synced, false);
    await end();
  });

  it('waits for a registry that does not fail, but not for long', async () => {
    const store = new MemoryStore(new Map([['a', stored([aService('x')])]]));
    const { engine, clock, end } = startEngine(['a'], { store, restoredGraceMs: 500 }, { graceMs: 60_000 });
    await poll(() => engine.catalog.size === 1, { what: 'the restored service' });
    await clock.advance(499);
    assert.equal(engine.catalog.isReady, false);
    await clock.advance(1);
    assert.equal(engine.catalog.isReady, true);
    await end();
  });

  it('serves at once what takes longer to list than is waited for, and reads when readers have had time to take it', async () => {
    // 20 instances a millisecond: 500 ms of listing.
    const large = stored(Array.from({ length: 20 }, (_, index) => aService(`s${index}`, instances(500))));
    const store = new MemoryStore(new Map([['a', large]]));
    const { engine, clock, sources, end } = startEngine(['a'], { store, restoredGraceMs: 500 });
    await engine.catalog.ready(AbortSignal.timeout(5000));
    assert.deepEqual([engine.catalog.snapshot().services.size, sources[0]?.out], [20, undefined]);
    await clock.advance(1999);
    assert.equal(sources[0]?.out, undefined);
    await clock.advance(1);
    await poll(() => sources[0]?.out !== undefined, { what: 'the source to run' });
    await end();
  });

  it('reads at once what was not kept, though others are served from the disk', async () => {
    const store = new MemoryStore(new Map([['a', stored([aService('x', instances(10_000))])]]));
    const { engine, sources, end } = startEngine(['a', 'b'], { store, restoredGraceMs: 500 });
    await poll(() => sources[1]?.out !== undefined, { what: 'the sources to run' });
    assert.equal(engine.catalog.isReady, false);
    sources[1]?.out?.replaceAll([aService('y')]);
    await engine.catalog.ready(AbortSignal.timeout(5000));
    assert.deepEqual([...engine.catalog.snapshot().services.keys()].sort(), ['x.mesh', 'y.mesh']);
    await end();
  });

  it('serves what stands in the catalog only after the grace, too', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => aService(`s${index}`));
    const store = new MemoryStore(new Map([['a', stored(many)]]));
    const { engine, clock, end } = startEngine(['a'], { store, restoredGraceMs: 10 }, { graceMs: 60_000 });
    while (engine.catalog.size === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(10);
    assert.deepEqual([engine.catalog.size < 5000, engine.catalog.isReady], [true, false]);
    await engine.catalog.ready(AbortSignal.timeout(5000));
    assert.equal(engine.catalog.snapshot().services.size, 5000);
    await end();
  });

  it('reads at once when nothing was restored, even with no grace', async () => {
    const { sources, end } = startEngine(['a'], { store: new MemoryStore(), restoredGraceMs: 0 }, { required: false });
    // The clock stands still.
    await poll(() => sources[0]?.out !== undefined, { what: 'the source to run', timeoutMs: 2000 });
    await end();
  });

  it('ends while what was restored is being served', async () => {
    const store = new MemoryStore(new Map([['a', stored([aService('x', instances(10_000))])]]));
    const { engine, end } = startEngine(['a'], { store, restoredGraceMs: 500 });
    await engine.catalog.ready(AbortSignal.timeout(5000));
    await end();
    assert.ok(store.ended);
  });

  it('shows a source what was restored, so that it can list that for what it cannot read', async () => {
    const held = aService('held', instances(3));
    const store = new MemoryStore(new Map([['a', stored([held, aService('gone', instances(1))])]]));
    const { engine, sources, end } = startEngine(['a'], { store });
    await poll(() => engine.catalog.size === 2, { what: 'the restored services' });
    const out = sources[0]?.out;
    const before = out?.published().get('held');
    assert.deepEqual(before, held);
    out?.replaceAll([before ?? aService('held'), aService('new', instances(1))]);
    out?.degraded(new Error('no metadata'), 'held');
    await poll(() => !engine.catalog.snapshot().services.has('gone.mesh'), { what: 'the listing' });
    assert.deepEqual([...engine.catalog.snapshot().services.keys()].sort(), ['held.mesh', 'new.mesh']);
    assert.equal(engine.catalog.snapshot().services.get('held.mesh')?.origins[0]?.instances.length, 3);
    const [status] = engine.statuses();
    assert.deepEqual([status?.synced, status?.status.state], [true, 'degraded']);
    await end();
  });

  it('goes by the registry as soon as it is read: what is gone is not shown first', async () => {
    const store = new MemoryStore(
      new Map([['a', stored([aService('x', instances(3)), aService('old', instances(1))])]]),
    );
    const { engine, sources, end } = startEngine(['a'], { store });
    await poll(() => engine.catalog.size === 2, { what: 'the restored services' });
    sources[0]?.out?.replaceAll([aService('x', instances(3))]);
    await engine.catalog.ready(AbortSignal.timeout(5000));
    assert.deepEqual([...engine.catalog.snapshot().services.keys()], ['x.mesh']);
    assert.equal(engine.statuses()[0]?.status.state, 'fresh');
    await end();
  });

  it('serves an older state, of a file that was damaged, only when the grace of its source is over', async () => {
    const store = new MemoryStore(new Map([['a', { ...stored([aService('x')]), isOlder: true }]]));
    const { engine, clock, sources, end } = startEngine(['a'], { store, restoredGraceMs: 10 }, { graceMs: 2000 });
    await poll(() => engine.catalog.size === 1 && sources[0]?.out !== undefined, { what: 'the restored service' });
    sources[0]?.out?.degraded(new Error('down'));
    await clock.advance(1999);
    assert.equal(engine.catalog.isReady, false);
    await clock.advance(1);
    assert.equal(engine.catalog.isReady, true);
    assert.equal(engine.catalog.snapshot().services.size, 1);
    await end();
  });

  it('holds back what the first listing lacks of what was restored', async () => {
    const many = Array.from({ length: 20 }, (_, index) => aService(`s${index}`, instances(1)));
    const store = new MemoryStore(new Map([['a', stored(many)]]));
    const { engine, sources, end } = startEngine(['a'], { store });
    await poll(() => engine.catalog.size === 20, { what: 'the restored services' });
    sources[0]?.out?.replaceAll([]);
    await engine.catalog.ready(AbortSignal.timeout(5000));
    assert.equal(engine.catalog.snapshot().services.size, 20);
    assert.equal(engine.units[0]?.holds().length, 20);
    await end();
  });

  it('leaves out what is too old to go by, by source and by scope', async () => {
    const dayMs = 24 * 3_600_000;
    const inNamespace = (namespace: string): Service => ({
      ...aService(namespace),
      attributes: { name: namespace, namespace },
    });
    const trust = { confirmedMs: startMs - 1000, degraded: [{ scope: 'gray', sinceMs: startMs - dayMs }] };
    const all = new Map([
      ['a', stored([inNamespace('gray'), inNamespace('blue')], trust)],
      ['b', stored([aService('z')], { confirmedMs: startMs - dayMs })],
    ]);
    const { engine, sources, end } = startEngine(['a', 'b'], { store: new MemoryStore(all) });
    await poll(() => engine.catalog.size > 0 && sources[1]?.out !== undefined, { what: 'the start' });
    for (const source of sources) source.out?.degraded(new Error('down'));
    assert.deepEqual([...(engine.units[0]?.guarded.services.keys() ?? [])], ['blue']);
    assert.equal(engine.catalog.isReady, false, 'b has nothing to go on with');
    await end();
  });

  it('takes out what could not be read for too long', async () => {
    const store = new MemoryStore(new Map([['a', stored([aService('x', instances(2))], { confirmedMs: startMs })]]));
    const guards = { staleness: { maxAgeMs: 10_000 } };
    const { engine, clock, sources, end } = startEngine(['a'], { store }, { guards });
    await poll(() => sources[0]?.out !== undefined && engine.catalog.size === 1, { what: 'the restored service' });
    sources[0]?.out?.degraded(new Error('down'));
    await clock.advance(11_000);
    const shown = () => engine.catalog.snapshot().services.get('x.mesh')?.origins[0]?.instances.length;
    await poll(() => shown() === 0, { what: 'the instances to go' });
    assert.equal(engine.units[0]?.holds()[0]?.guard, 'staleness');
    sources[0]?.out?.replaceAll([aService('x', instances(2))]);
    await clock.advance(1000);
    await poll(() => shown() === 2, { what: 'the instances to be back' });
    await end();
  });

  it('takes out what could not be read for too long, before a restart and after it', async () => {
    const degraded = [{ scope: 'x', sinceMs: startMs - 8000 }];
    const store = new MemoryStore(new Map([['a', stored([aService('x', instances(2))], { degraded })]]));
    const guards = { staleness: { maxAgeMs: 10_000 } };
    const { engine, clock, sources, end } = startEngine(['a'], { store }, { guards });
    await poll(() => sources[0]?.out !== undefined && engine.catalog.size === 1, { what: 'the restored service' });
    sources[0]?.out?.replaceAll([...(sources[0]?.out?.published().values() ?? []), aService('y', instances(2))]);
    sources[0]?.out?.degraded(new Error('no answer'), 'x');
    sources[0]?.out?.degraded(new Error('no answer'), 'y');
    await poll(() => engine.catalog.size === 2, { what: 'the listing' });
    const shown = (host: string) => engine.catalog.snapshot().services.get(host)?.origins[0]?.instances.length;
    await clock.advance(1000);
    assert.equal(shown('x.mesh'), 2);
    await clock.advance(2000);
    await poll(() => shown('x.mesh') === 0, { what: 'the instances to go' });
    assert.equal(shown('y.mesh'), 2);
    await end();
  });

  it('keeps what is let through, how far it can be trusted and what is held, until the very end', async () => {
    const store = new MemoryStore();
    const { clock, sources, end } = startEngine(['a'], { store });
    await poll(() => sources[0]?.out !== undefined, { what: 'the start' });
    const out = sources[0]?.out;
    out?.replaceAll([aService('x', instances(10)), aService('y', instances(2))]);
    await poll(() => store.services.size === 2, { what: 'the services' });
    out?.replaceAll([aService('x', instances(1))]);
    out?.degraded(new Error('half of it'), 'gray');
    await clock.advance(30_000);
    const last = store.trusts.at(-1);
    assert.deepEqual(
      last?.degraded.map(({ scope }) => scope),
      ['gray'],
    );
    assert.equal(last?.holds.flatMap(({ instances: ids }) => ids).length, 11);
    await end();
    assert.ok(store.ended);
    assert.deepEqual(store.trusts[0]?.degraded, [], 'said to be whole as soon as it was listed');
    assert.ok(store.trusts.some(({ confirmedMs, holds }) => confirmedMs < startMs + 2000 && holds.length > 0));
    assert.equal(store.services.get('a/x')?.instances.length, 10);
  });

  it('says how far a source can be trusted as soon as it is read: a kill in the first seconds costs nothing', async () => {
    const store = new MemoryStore();
    const { sources, end } = startEngine(['a'], { store });
    await poll(() => sources[0]?.out !== undefined, { what: 'the start' });
    assert.equal(store.trusts.length, 0);
    sources[0]?.out?.replaceAll([aService('x', instances(1))]);
    await poll(() => store.trusts.length > 0, { what: 'the trust' });
    await end();
  });

  it('takes what is too old to be restored off the disk too: the next start would take it for new', async () => {
    const dayMs = 24 * 3_600_000;
    const old: Service = { ...aService('old'), attributes: { name: 'old', namespace: 'gray' } };
    const degraded = [{ scope: 'gray', sinceMs: startMs - dayMs }];
    const store = new MemoryStore(new Map([['a', stored([old, aService('x')], { degraded })]]));
    store.services.set('a/old', old).set('a/x', aService('x'));
    const { sources, end } = startEngine(['a'], { store });
    await poll(() => sources[0]?.out !== undefined, { what: 'the start' });
    sources[0]?.out?.replaceAll([aService('x')]);
    await end();
    assert.deepEqual([...store.services.keys()], ['a/x']);
  });

  it('does not say that a part is worth a restore before a source was ever read whole', async () => {
    const store = new MemoryStore();
    const { clock, sources, end } = startEngine(['a'], { store });
    await poll(() => sources[0]?.out !== undefined, { what: 'the start' });
    sources[0]?.out?.upsert(aService('x'));
    sources[0]?.out?.degraded(new Error('the rest cannot be read'), 'gray');
    await clock.advance(31_000);
    await end();
    assert.deepEqual(store.trusts, []);
  });

  it('takes what is published again for read, though a part is never read', async () => {
    const store = new MemoryStore(
      new Map([['a', stored([aService('x', instances(2)), aService('old', instances(2))])]]),
    );
    const guards = { staleness: { maxAgeMs: 10_000 } };
    const { engine, clock, sources, end } = startEngine(['a'], { store }, { guards });
    await poll(() => sources[0]?.out !== undefined && engine.catalog.size === 2, { what: 'the restored services' });
    sources[0]?.out?.degraded(new Error('denied'), 'gray');
    sources[0]?.out?.upsert(aService('x', instances(2)));
    await clock.advance(11_000);
    const shown = (host: string) => engine.catalog.snapshot().services.get(host)?.origins[0]?.instances.length;
    await poll(() => shown('old.mesh') === 0, { what: 'what was not read to go' });
    assert.equal(shown('x.mesh'), 2);
    await end();
  });

  it('takes nothing that was read for too old while the source as a whole is only not complete', async () => {
    const guards = { staleness: { maxAgeMs: 10_000 } };
    const { engine, clock, sources, end } = startEngine(['a'], {}, { guards, graceMs: 0 });
    await poll(() => sources[0]?.out !== undefined, { what: 'the start' });
    sources[0]?.out?.degraded(new Error('one node is not to be read'));
    sources[0]?.out?.upsert(aService('x', instances(2)));
    await clock.advance(11_000);
    const shown = () => engine.catalog.snapshot().services.get('x.mesh')?.origins[0]?.instances.length;
    await poll(() => shown() === 2, { what: 'the service' });
    assert.deepEqual(engine.units[0]?.holds(), []);
    sources[0]?.out?.replaceAll([aService('x', instances(2))]);
    sources[0]?.out?.degraded(new Error('gone'));
    await clock.advance(11_000);
    await poll(() => shown() === 0, { what: 'the instances to go' });
    await end();
  });

  it('judges a loss by itself when what was held before the restart is back', async () => {
    const hold = { guard: 'mass-loss', reason: 'r', sinceMs: startMs, untilMs: startMs + 60_000, service: 'x' };
    const ids = instances(20).map(({ id }) => id);
    const store = new MemoryStore(
      new Map([['a', stored([aService('x', instances(20))], { holds: [{ ...hold, instances: ids }] })]]),
    );
    const { engine, clock, sources, end } = startEngine(['a'], { store });
    await poll(() => sources[0]?.out !== undefined, { what: 'the start' });
    sources[0]?.out?.replaceAll([aService('x', instances(20))]);
    await engine.catalog.ready(AbortSignal.timeout(5000));
    await clock.advance(61_000);
    sources[0]?.out?.replaceAll([]);
    await poll(() => engine.units[0]?.guarded.counts.held === 20, { what: 'the loss to be held' });
    await end();
  });

  it('does not write back what it has just read', async () => {
    const store = new MemoryStore(new Map([['a', stored([aService('x')])]]));
    const { engine, end } = startEngine(['a'], { store });
    await poll(() => engine.catalog.size === 1, { what: 'the restored service' });
    assert.equal(store.services.size, 0);
    await end();
  });

  it('starts without a disk that cannot be read', async () => {
    const store = new MemoryStore();
    store.load = () => Promise.reject(new Error('EIO'));
    const { engine, sources, end } = startEngine(['a'], { store });
    await poll(() => sources[0]?.out !== undefined, { what: 'the start' });
    sources[0]?.out?.replaceAll([]);
    await engine.catalog.ready(AbortSignal.timeout(5000));
    await end();
  });
});
