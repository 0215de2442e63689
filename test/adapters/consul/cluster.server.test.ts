import assert from 'node:assert/strict';
import { SourceRun } from '../../../testkit/index.js';
import type { ConsulServer } from '../../servers/consul.js';
import { type ConsulCluster, startConsulCluster } from '../../servers/consul-cluster.js';
import { http } from '../../support/http.js';
import { poll } from '../../support/poll.js';
import { makeSource } from './make-source.js';

describe('adapters/consul: a real Consul of three servers', function () {
  this.timeout(240_000);
  let cluster: ConsulCluster;
  let run: SourceRun | undefined;

  before(async () => {
    cluster = await startConsulCluster();
    for (const name of ['web', 'db']) await register(cluster.servers[0] ?? assert.fail(), name, 1);
  });

  afterEach(async () => {
    await run?.stop();
    run = undefined;
    await Promise.all(cluster.servers.filter(({ pid }) => pid === undefined).map((server) => server.start()));
    await cluster.leader();
  });

  after(() => cluster?.stop());

  /** Tries again while the servers elect a leader. */
  const register = (server: ConsulServer, name: string, instance: number, port = 80) =>
    poll(
      async () => {
        const Service = { Service: name, ID: `${name}-${instance}`, Address: `10.12.0.${instance}`, Port: port };
        const body = JSON.stringify({ Node: 'legacy', Address: '10.12.0.1', Service });
        return (await http(`${server.url}/v1/catalog/register`, { method: 'PUT', body })).status === 200;
      },
      { timeoutMs: 60_000, what: 'the registration' },
    );
  const start = (servers: readonly ConsulServer[], more: object = {}) => {
    run = new SourceRun(makeSource({ servers: servers.map(({ url }) => url), ...more }));
    return run.recorder;
  };
  const port = (name: string) => run?.recorder.services.get(name)?.instances[0]?.ports['http'];
  const until = async (what: string, predicate: () => boolean) => {
    await run?.recorder.waitFor(predicate, { what, deadlineMs: 90_000 });
  };
  /** Nothing was taken away, at any time. */
  const assertNothingLost = () => {
    for (const event of run?.recorder.events ?? []) {
      assert.notEqual(event.kind, 'remove');
      if (event.kind === 'upsert') assert.ok(event.service.instances.length > 0, `${event.service.name} was emptied`);
      if (event.kind === 'replaceAll') assert.equal(event.services.get('db')?.instances.length, 1);
    }
  };

  it('is followed through a follower while its leader is killed, and no service is lost', async () => {
    const leader = await cluster.leader();
    const followers = await cluster.followers();
    start(followers);
    await until('the listing', () => port('db') !== undefined);
    await leader.kill();
    await register(followers[0] ?? assert.fail(), 'db', 1, 8001);
    await until('a change after the election', () => port('db') === 8001 && run?.recorder.degradedScopes.size === 0);
    assertNothingLost();
  });

  it('is followed through the next server when the one that is read is killed', async () => {
    const [first = assert.fail(), second = assert.fail()] = cluster.servers;
    start([first, second]);
    await until('the listing', () => port('db') !== undefined);
    await first.kill();
    await until('degraded', () => (run?.recorder.degradedScopes.size ?? 0) > 0);
    await register(second, 'db', 1, 8002);
    await until('a change through the second', () => port('db') === 8002 && run?.recorder.degradedScopes.size === 0);
    assertNothingLost();
  });

  it('is degraded without a majority, and keeps everything until there is one', async () => {
    const [first = assert.fail(), ...others] = cluster.servers;
    start([first]);
    await until('the listing', () => port('db') !== undefined);
    for (const server of others) await server.kill();
    await until('degraded', () => /leader/.test(run?.recorder.degradedScopes.get('')?.message ?? ''));
    await Promise.all(others.map((server) => server.start()));
    await register(first, 'db', 1, 8003);
    await until('a change', () => port('db') === 8003 && run?.recorder.degradedScopes.size === 0);
    assertNothingLost();
  });

  it('is read anew when an older snapshot is restored and its indexes go back', async () => {
    const leader = await cluster.leader();
    const snapshot = await fetch(`${leader.url}/v1/snapshot`).then((response) => response.arrayBuffer());
    for (const next of [8004, 8005, 8006]) await register(leader, 'db', 1, next);
    await register(leader, 'late', 1);
    start([leader]);
    await until('the listing', () => port('db') === 8006 && port('late') === 80);
    const restored = await fetch(`${leader.url}/v1/snapshot`, { method: 'PUT', body: snapshot });
    assert.equal(restored.status, 200, await restored.text());
    await until('the state of the snapshot', () => port('db') === 8003 && port('late') === undefined);
    await register(leader, 'db', 1, 8007);
    await until('a change', () => port('db') === 8007 && run?.recorder.degradedScopes.size === 0);
    assert.equal(run?.recorder.services.get('web')?.instances.length, 1);
    // Gone from Consul is empty here: the end of the service is another matter.
    assert.equal(run?.recorder.services.get('late')?.instances.length, 0);
  });

  it('is audited and quoted on demand', async () => {
    const source = makeSource({ servers: [cluster.servers[0]?.url ?? assert.fail()] });
    await assert.rejects(source.audit(new AbortController().signal), /not connected/);
    run = new SourceRun(source);
    await until('the listing', () => port('db') !== undefined);
    const { signal } = new AbortController();
    const report = await source.audit(signal);
    assert.deepEqual([report.differences, report.found], [0, []]);
    assert.ok(report.compared >= 2, `${report.compared} compared`);
    const [record] = await source.records('db', signal);
    assert.deepEqual([record?.id, record?.instance], ['legacy/db-1', 'legacy/db-1']);
    assert.match(record?.revision ?? '', /^[0-9]+$/);
    assert.equal((JSON.parse(record?.text ?? '{}') as { Service: { Port: number } }).Service.Port, port('db'));
    assert.deepEqual(await source.records('nobody', signal), []);
  });
});
