import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { SourceRun } from '../../../testkit/index.js';
import { FakeEureka, json, raw, status } from './fake-eureka.js';
import { instanceJson, listing } from './listing.js';
import { makeSource } from './make-source.js';

describe('adapters/eureka source, audits and records', () => {
  let server: FakeEureka;
  let source: ReturnType<typeof makeSource>;
  let run: SourceRun | undefined;
  const signal = new AbortController().signal;

  beforeEach(async () => {
    server = new FakeEureka();
    await server.start();
    server.full = json(listing({ A: [instanceJson('A', 'a1'), instanceJson('A', 'a2')] }));
    server.delta = json(listing({}, 'UP_2_'));
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
    await server.stop();
  });

  const start = async (config: Partial<Parameters<typeof makeSource>[0]> = {}) => {
    source = makeSource({ servers: [server.url], intervalMs: 100, requestTimeoutMs: 2000, ...config });
    run = new SourceRun(source);
    await run.recorder.waitFor(({ synced }) => synced);
    return run.recorder;
  };

  it('finds on demand what no delta told and no hash shows, repairs it, and is clean the next time', async () => {
    const recorder = await start();
    const changed = instanceJson('A', 'a1', { metadata: { version: '9' } });
    server.full = json(listing({ A: [changed, instanceJson('A', 'a3')] }));
    const { differences, found, compared } = await source.audit(signal);
    assert.equal(compared, 1);
    assert.equal(differences, 3);
    assert.deepEqual(found, [
      { service: 'A', detail: 'instance a1 had changed unseen' },
      { service: 'A', detail: 'instance a3 was missed' },
      { service: 'A', detail: 'instance a2 is gone with no deletion told' },
    ]);
    const instances = recorder.services.get('A')?.instances ?? [];
    assert.equal(instances[0]?.metadata['version'], '9');
    assert.deepEqual(
      instances.map(({ id }) => id),
      ['a1', 'a2', 'a3'],
      'what is merely missing is kept for its grace',
    );
    assert.equal((await source.audit(signal)).differences, 0);
  });

  it('takes what the newest delta tells for no difference', async () => {
    const recorder = await start();
    server.full = json(listing({ A: [instanceJson('A', 'a1')], B: [instanceJson('B', 'b1')] }));
    const recent = { A: [instanceJson('A', 'a2', { actionType: 'DELETED' })], B: [instanceJson('B', 'b1')] };
    server.delta = json(listing(recent, 'UP_2_'));
    assert.equal((await source.audit(signal)).differences, 0);
    assert.equal(recorder.services.get('A')?.instances.length, 1);
    assert.equal(recorder.services.get('B')?.instances.length, 1);
  });

  it('reports the scheduled ones', async () => {
    const recorder = await start({ fullIntervalMs: 1000 });
    server.full = json(listing({ A: [instanceJson('A', 'a1', { ipAddr: '10.0.0.9' }), instanceJson('A', 'a2')] }));
    await recorder.waitFor(({ audits }) => audits.some(({ differences }) => differences === 1));
    await recorder.waitFor(({ audits }) => audits.at(-1)?.differences === 0);
  });

  it('changes nothing when it fails, and says why', async () => {
    const recorder = await start();
    server.full = status(503);
    await assert.rejects(source.audit(signal), /HTTP 503/);
    assert.equal(recorder.services.get('A')?.instances.length, 2);
    await server.polled(3);
    assert.equal(recorder.degradedScopes.size, 0);
  });

  it('ends with the signal it is given, and the source goes on', async () => {
    const recorder = await start();
    server.full = () => undefined;
    const abort = new AbortController();
    const audit = source.audit(abort.signal);
    abort.abort(new Error('enough'));
    await assert.rejects(audit, /enough/);
    server.delta = json(listing({ B: [instanceJson('B', 'b1')] }, 'UP_3_'));
    await recorder.waitFor(({ services }) => services.has('B'));
  });

  it('gives the records of an application with their revision and without credentials', async () => {
    await start();
    const metadata = { 'user.password': 's3cret-a', 'management.url': 'http://me:s3cret-b@10.0.0.1/', version: '1' };
    const instance = instanceJson('A', 'a1', { metadata, homePageUrl: 'http://u:s3cret-c@h/' });
    server.other = raw(JSON.stringify({ application: { name: 'A', instance } }));
    const [record, ...others] = await source.records('A', signal);
    assert.equal(others.length, 0);
    assert.ok(server.paths.includes('/eureka/apps/A'));
    assert.deepEqual(
      { ...record, text: undefined },
      { id: 'apps/A/a1', instance: 'a1', revision: '1700000000000', text: undefined },
    );
    assert.match(record?.text ?? '', /"actionType":"ADDED"/);
    assert.match(record?.text ?? '', /"user\.password":"\[secret\]"/);
    assert.ok(!record?.text.includes('s3cret'), record?.text);
  });

  it('bounds the records, and has none of what is not there', async () => {
    await start();
    server.other = status(404);
    assert.deepEqual(await source.records('A', signal), []);
    const instances = Array.from({ length: 1200 }, (_, index) =>
      instanceJson('A', `i${index}`, { metadata: { long: 'x'.repeat(9000), '\u202e': '\u2028' } }),
    );
    server.other = raw(JSON.stringify({ application: { name: 'A', instance: instances } }));
    const records = await source.records('A', signal);
    assert.equal(records.length, 1000);
    for (const { text } of records) {
      assert.ok(text.length <= 4096);
      assert.doesNotMatch(text, /[\u202e\u2028]/);
    }
    server.other = raw(
      `{"application":{"name":"A","instance":[{"instanceId":"a","x":${'['.repeat(10_000)}${']'.repeat(10_000)}}]}}`,
    );
    assert.equal((await source.records('A', signal)).length, 1);
  });

  it('gives the records behind a VIP address, secure or not', async () => {
    server.other = (response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(listing({ A: [instanceJson('A', 'a1')] })));
    await start({ serviceName: 'vip' });
    const records = await source.records('a', signal);
    assert.deepEqual(
      records.map(({ instance }) => instance),
      ['A/a1'],
    );
    assert.ok(server.paths.includes('/eureka/vips/a') && server.paths.includes('/eureka/svips/a'));
  });
});
