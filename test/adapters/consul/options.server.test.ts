import assert from 'node:assert/strict';
import { SourceRun } from '../../../testkit/index.js';
import { type ConsulServer, startConsul } from '../../servers/consul.js';
import { ConsulWriter } from './consul-writer.js';
import { makeSource } from './make-source.js';

describe('adapters/consul: what is chosen of a real Consul', function () {
  this.timeout(90_000);
  let server: ConsulServer;
  let writer: ConsulWriter;
  let run: SourceRun | undefined;

  before(async () => {
    server = await startConsul({ config: { node_meta: { rack: 'own' } } });
    writer = new ConsulWriter(server);
    await writer.register({ name: 'web', id: 'w1', address: '10.11.0.1', port: 80, tags: ['v1'] });
    for (const rack of ['a', 'b']) {
      await writer.registerExternal({
        ...{ Node: `host-${rack}`, Address: `10.11.1.${rack === 'a' ? 1 : 2}`, NodeMeta: { rack } },
        TaggedAddresses: { wan: `198.51.100.${rack === 'a' ? 1 : 2}` },
        Service: {
          ...{ Service: 'web', ID: `web-${rack}`, Port: 8080, Tags: rack === 'b' ? ['canary'] : [] },
          ...(rack === 'b' && { TaggedAddresses: { wan: { Address: '203.0.113.2', Port: 8443 } } }),
        },
      });
    }
  });

  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });

  after(async () => {
    writer?.close();
    await server?.stop();
  });

  const start = (config: object) => {
    run = new SourceRun(makeSource({ servers: [server.url], ...config }));
    return run.recorder;
  };
  const until = async (what: string, predicate: () => boolean) => {
    await run?.recorder.waitFor(predicate, { what, deadlineMs: 20_000 });
  };
  const instances = () =>
    (run?.recorder.services.get('web')?.instances ?? [])
      .map(({ id, address, ports }) => `${id} ${address}:${ports['http']}`)
      .sort();

  it('is the tagged address, and the plain one where there is none', async () => {
    start({ addressTag: 'wan' });
    await until('the listing', () => instances().length === 3);
    assert.deepEqual(instances(), [
      'dc1-server/w1 10.11.0.1:80',
      'host-a/web-a 198.51.100.1:8080',
      'host-b/web-b 203.0.113.2:8443',
    ]);
  });

  it('is what is on nodes with the metadata asked for, as it changes', async () => {
    start({ nodeMeta: { rack: 'a' } });
    await until('the listing', () => instances().length > 0);
    assert.deepEqual(instances(), ['host-a/web-a 10.11.1.1:8080']);
    const onA = { Node: 'host-a', Address: '10.11.1.1', NodeMeta: { rack: 'a' } };
    await writer.registerExternal({ ...onA, Service: { Service: 'other', Port: 80 } });
    await until('a new service', () => run?.recorder.services.has('other') === true);
    await writer.registerExternal({ ...onA, Service: { Service: 'web', ID: 'web-a', Port: 8081 } });
    await until('a change', () => instances().join() === 'host-a/web-a 10.11.1.1:8081');
    const onB = { Node: 'host-b', Address: '10.11.1.2' };
    await writer.registerExternal({ ...onB, NodeMeta: { rack: 'a' } });
    await until('a node that has come to match', () => instances().length === 2);
    await writer.registerExternal({ ...onB, NodeMeta: { rack: 'b' } });
    await until('a node that matches no more', () => instances().length === 1);
    await writer.deregisterExternal({ Node: 'host-a', ServiceID: 'other' });
    await writer.registerExternal({ ...onA, Service: { Service: 'web', ID: 'web-a', Port: 8080 } });
  });

  it('takes no node with the metadata asked for as a failed read', async () => {
    const recorder = start({ nodeMeta: { rack: 'none' } });
    await until('degraded', () => recorder.degradedScopes.size > 0);
    assert.match(recorder.degradedScopes.get('')?.message ?? '', /no node with the metadata asked for/);
    assert.equal(recorder.synced, false);
  });

  it('leaves out instances with a tag that is not wanted', async () => {
    start({ excludeTags: ['canary'] });
    await until('the listing', () => instances().length > 0);
    assert.deepEqual(instances(), ['dc1-server/w1 10.11.0.1:80', 'host-a/web-a 10.11.1.1:8080']);
  });

  it('says what an open-source Consul has to say of namespaces and partitions', async () => {
    for (const config of [{ namespaces: ['team'] }, { partition: 'east' }]) {
      const recorder = start(config);
      await until('degraded', () => recorder.degradedScopes.size > 0);
      assert.match(
        recorder.degradedScopes.get('')?.message ?? '',
        /400.*(Namespaces|Partitions) are a Consul Enterprise feature/,
      );
      assert.equal(recorder.synced, false);
      await run?.stop();
    }
  });
});
