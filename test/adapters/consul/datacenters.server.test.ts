import assert from 'node:assert/strict';
import { SourceRun } from '../../../testkit/index.js';
import { type ConsulServer, startConsul } from '../../servers/consul.js';
import { ConsulWriter } from './consul-writer.js';
import { makeSource } from './make-source.js';

describe('adapters/consul: two datacenters', function () {
  this.timeout(120_000);
  let one: ConsulServer;
  let two: ConsulServer;
  let writers: ConsulWriter[] = [];
  let run: SourceRun | undefined;

  before(async () => {
    one = await startConsul({ datacenter: 'dc1' });
    two = await startConsul({ datacenter: 'dc2', joinWan: one });
    writers = [new ConsulWriter(one), new ConsulWriter(two)];
    for (const writer of writers) await writer.register({ name: 'web', id: 'w1', address: '10.6.0.1', port: 80 });
  });

  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });

  after(async () => {
    for (const writer of writers) writer.close();
    await two?.stop();
    await one?.stop();
  });

  const until = (what: string, predicate: (source: SourceRun) => boolean) => {
    const source = run ?? assert.fail();
    return source.recorder.waitFor(() => predicate(source), { what, deadlineMs: 60_000 });
  };
  const count = ({ recorder }: SourceRun, name: string) => recorder.services.get(name)?.instances.length;

  it('reads both, keeps them apart, and goes on with one while the other is away', async () => {
    run = new SourceRun(makeSource({ servers: [one.url], datacenters: ['dc1', 'dc2'], waitMs: 2000 }));
    await until('the listing of both', (source) => count(source, 'web') === 1 && count(source, 'web@dc2') === 1);
    const remote = run.recorder.services.get('web@dc2');
    assert.deepEqual({ ...remote?.attributes }, { name: 'web', namespace: '', datacenter: 'dc2', tags: '' });
    assert.equal(remote?.instances[0]?.locality?.region, 'dc2');
    assert.equal(run.recorder.services.get('web')?.attributes['datacenter'], '');
    assert.ok(run.recorder.events[0]?.kind === 'replaceAll' || run.recorder.events[0]?.kind === 'degraded');

    await two.kill();
    await until('dc2 to be degraded', ({ recorder }) => recorder.degradedScopes.has('dc2'));
    assert.deepEqual([...run.recorder.degradedScopes.keys()], ['dc2']);
    assert.equal(count(run, 'web@dc2'), 1);
    await writers[0]?.register({ name: 'web', id: 'w2', address: '10.6.0.2', port: 80 });
    await until('a change in dc1', (source) => count(source, 'web') === 2);
    assert.equal(count(run, 'web@dc2'), 1);

    await two.start();
    await until('dc2 to be fresh', ({ recorder }) => recorder.degradedScopes.size === 0);
    await writers[1]?.register({ name: 'web', id: 'w2', address: '10.6.0.2', port: 80 });
    await until('a change in dc2', (source) => count(source, 'web@dc2') === 2);
    assert.equal(run.recorder.events.filter(({ kind }) => kind === 'replaceAll').length, 1);
  });

  it('follows one while the other was never listed, and claims to be complete only then', async () => {
    await two.kill();
    run = new SourceRun(makeSource({ servers: [one.url], datacenters: ['dc1', 'dc2'], waitMs: 2000 }));
    await until('dc2 to be degraded', ({ recorder }) => recorder.degradedScopes.has('dc2'));
    await until('what there is in dc1', (source) => (count(source, 'web') ?? 0) > 0);
    assert.deepEqual([...run.recorder.degradedScopes.keys()], ['dc2']);
    await writers[0]?.register({ name: 'web', id: 'w3', address: '10.6.0.3', port: 80 });
    await until(
      'a change in dc1',
      ({ recorder }) => recorder.services.get('web')?.instances.some(({ address }) => address === '10.6.0.3') === true,
    );
    assert.equal(run.recorder.synced, false);
    assert.ok(run.recorder.events.every(({ kind }) => kind !== 'replaceAll' && kind !== 'remove'));
    await two.start();
    await until('the listing of both', (source) => source.recorder.synced);
    assert.ok(run.recorder.services.has('web') && run.recorder.services.has('web@dc2'));
  });
});
