import assert from 'node:assert/strict';
import type { CatalogService, Change } from '../../../core/catalog/catalog.js';
import { EmptyServices } from '../../../sinks/istio/empty-services.js';
import { ManualClock } from '../../../testkit/index.js';
import { catalogService, instances } from '../support/services.js';

const keepMs = 60_000;

describe('services without instances', () => {
  let clock: ManualClock;
  let empty: EmptyServices;
  let stop: AbortController;
  let running: Promise<void>;
  let gone: string[];
  const refused = new Set<string>();

  function start(ms = keepMs): void {
    clock = new ManualClock();
    empty = new EmptyServices(ms, clock, (host) => refused.has(host));
    refused.clear();
    stop = new AbortController();
    gone = [];
    running = empty.run(stop.signal, ({ removes }) => void gone.push(...removes));
  }

  beforeEach(() => start());
  afterEach(async () => {
    stop.abort();
    await running;
    assert.equal(clock.sleepers, 0, 'a timer is left');
  });

  const take = (upserts: readonly CatalogService[], removes: readonly string[] = [], reset = false): Change =>
    empty.take({ revision: 1, reset, upserts, removes });
  const counts = ({ upserts }: Change) =>
    upserts.map(({ host, origins }) => [host, origins.flatMap((origin) => origin.instances).length]);

  it('are kept with no endpoints when the catalog drops them, and go after the time', async () => {
    take([catalogService('a.x', instances(2))], [], true);
    const change = take([], ['a.x']);
    assert.deepEqual(counts(change), [['a.x', 0]]);
    assert.deepEqual(change.removes, []);
    await clock.advance(keepMs - 1);
    assert.deepEqual(gone, []);
    await clock.advance(1);
    assert.deepEqual(gone, ['a.x']);
    assert.equal(empty.count, 0);
  });

  it('go after the time, too, when the catalog goes on having them empty, and come back with an instance', async () => {
    take([catalogService('a.x', [])]);
    await clock.advance(keepMs);
    assert.deepEqual(gone, ['a.x']);
    assert.deepEqual(take([catalogService('a.x', [], { metadata: { owner: 'shop' } })]).upserts, []);
    assert.deepEqual(counts(take([catalogService('a.x', instances(1))])), [['a.x', 1]]);
    await clock.advance(10 * keepMs);
    assert.deepEqual(gone, ['a.x']);
  });

  it('stay when they are back in time, and the time begins anew', async () => {
    take([catalogService('a.x', instances(1))]);
    take([], ['a.x']);
    await clock.advance(keepMs - 1);
    take([catalogService('a.x', instances(1))]);
    await clock.advance(keepMs);
    assert.deepEqual(gone, []);
    take([], ['a.x']);
    await clock.advance(keepMs - 1);
    assert.deepEqual(gone, []);
  });

  it('are counted from when they were empty first, not from when the catalog dropped them', async () => {
    take([catalogService('a.x', [])]);
    await clock.advance(keepMs / 2);
    take([], ['a.x']);
    await clock.advance(keepMs / 2);
    assert.deepEqual(gone, ['a.x']);
  });

  it('are not those whose instances are all unhealthy', async () => {
    take([catalogService('a.x', instances(2, { health: 'unhealthy' }))]);
    await clock.advance(10 * keepMs);
    assert.deepEqual(gone, []);
  });

  it('go each at its own time, and with one timer', async () => {
    for (const host of ['a.x', 'b.x', 'c.x']) {
      take([catalogService(host, [])]);
      await clock.advance(1000);
    }
    assert.equal(clock.sleepers, 1);
    await clock.advance(keepMs - 3000);
    assert.deepEqual(gone, ['a.x']);
    await clock.advance(2000);
    assert.deepEqual(gone, ['a.x', 'b.x', 'c.x']);
  });

  it('are not kept at all with a time of 0', async () => {
    stop.abort();
    await running;
    start(0);
    take([catalogService('a.x', instances(1))]);
    assert.deepEqual(take([], ['a.x']), { revision: 1, reset: false, upserts: [], removes: ['a.x'] });
    assert.deepEqual(take([catalogService('b.x', [])]).removes, ['b.x']);
  });

  it('are not those of which an earlier state is served, with endpoints that are gone', () => {
    take([catalogService('a.x', instances(1))]);
    refused.add('a.x');
    assert.deepEqual(take([], ['a.x']).removes, ['a.x']);
  });

  it('that were never there need not be removed', () => {
    assert.deepEqual(take([], ['never.x']).removes, ['never.x']);
  });
});
