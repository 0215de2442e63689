import assert from 'node:assert/strict';
import { type KubeServer, startKube } from '../../servers/kube.js';
import { type KubeObject, KubeWriter } from '../../support/kube-writer.js';
import { anInstance } from '../../support/model.js';
import { poll } from '../../support/poll.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { catalogService, instances } from '../support/services.js';
import { type RunningKubernetesSink, runKubernetesSink } from './running-sink.js';

const api = '/apis/networking.istio.io/v1';
const entries = `${api}/namespaces/legacy/serviceentries`;
const workloads = `${api}/namespaces/legacy/workloadentries`;

type Entry = KubeObject & { spec: { hosts: string[]; endpoints?: { address: string; weight?: number }[] } };

describe('the Kubernetes sink on a real kube-apiserver', function () {
  this.timeout(240_000);
  let kube: KubeServer;
  let proxy: TcpProxy;
  let writer: KubeWriter;
  let catalog: MemoryCatalog;
  let running: RunningKubernetesSink | undefined;

  before(async () => {
    kube = await startKube();
    proxy = await TcpProxy.start({ port: kube.port });
    writer = new KubeWriter(kube);
    await writer.namespace('legacy');
    await writer.installIstio(['ServiceEntry', 'WorkloadEntry']);
  });
  after(async () => {
    await writer?.close();
    await proxy?.close();
    await kube?.stopAll();
  });

  beforeEach(() => {
    catalog = new MemoryCatalog();
    proxy.pass();
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
    for (const collection of [entries, workloads]) {
      for (const { metadata } of await writer.list(collection)) await writer.delete(`${collection}/${metadata.name}`);
    }
  });

  const run = (options: object = {}, overrides: object = {}): RunningKubernetesSink => {
    const server = `https://${proxy.address}`;
    running = runKubernetesSink(
      catalog,
      { server, token: kube.adminToken, tls: { ca: kube.caFile }, watchMs: 5000, requestTimeoutMs: 5000, ...options },
      overrides,
    );
    return running;
  };
  const get = (name: string) => writer.get(`${entries}/${name}`) as Promise<Entry | undefined>;
  const addresses = async (name: string) => (await get(name))?.spec.endpoints?.map(({ address }) => address);
  const until = (what: string, probe: () => Promise<boolean> | boolean, timeoutMs = 20_000) =>
    poll(probe, { what, timeoutMs });
  /** Nothing is on its way any more, and the sink knows what the API has. */
  const idle = ({ sink }: RunningKubernetesSink) =>
    until('the sink to be idle', () => {
      const { pending, connection, failingCount } = sink.status();
      return pending === 0 && failingCount === 0 && connection.state === 'connected';
    });
  const versions = async () =>
    new Map((await writer.list(entries)).map(({ metadata }) => [metadata.name, metadata['resourceVersion']]));

  it('makes, changes and deletes what the catalog says, with its mark', async () => {
    catalog.put(catalogService('orders.nacos', instances(2)), catalogService('stock.nacos', instances(1)));
    const { sink } = run();
    await until('both to be there', async () => (await versions()).size === 2);
    const made = await get('orders.nacos');
    assert.deepEqual(made?.metadata['labels'], {
      'app.kubernetes.io/managed-by': 'isthmus',
      'isthmus.io/owner': 'kubernetes',
      'isthmus.io/site': 'hz-1',
    });
    assert.deepEqual(made?.spec, {
      hosts: ['orders.nacos'],
      ports: [{ name: 'http', number: 80, protocol: 'HTTP' }],
      ...{ location: 'MESH_INTERNAL', resolution: 'STATIC' },
      endpoints: ['10.0.0.1', '10.0.0.2'].map((address) => ({ address, ports: { http: 8080 }, weight: 100 })),
    });
    const managers = made?.metadata['managedFields'] as { manager: string; operation: string }[];
    assert.deepEqual(
      managers.map(({ manager, operation }) => `${manager} ${operation}`),
      ['isthmus/hz-1/kubernetes Apply'],
    );
    catalog.put(catalogService('orders.nacos', [anInstance('a', { address: '10.9.9.9', weight: 7 })]));
    await until('the change', async () => (await addresses('orders.nacos'))?.[0] === '10.9.9.9');
    assert.equal((await addresses('orders.nacos'))?.length, 1);
    catalog.remove('orders.nacos');
    await until('the removal', async () => (await get('orders.nacos')) === undefined);
    assert.ok(await get('stock.nacos'));
    assert.deepEqual(
      sink.explain('stock.nacos')?.resources.map(({ name }) => name),
      ['ServiceEntry/legacy/stock.nacos'],
    );
    assert.equal(sink.explain('orders.nacos'), undefined);
    assert.equal(sink.status().owned, 1);
  });

  it('writes nothing again after a restart that is as it should be, and removes what has gone meanwhile', async () => {
    for (let index = 0; index < 20; index++) catalog.put(catalogService(`s${index}.nacos`, instances(2)));
    await idle(run());
    await until('all', async () => (await versions()).size === 20);
    const before = await versions();
    await running?.stop();
    catalog.remove('s0.nacos');
    catalog.put(catalogService('s1.nacos', instances(3)));
    const again = run();
    await until('the removal', async () => (await get('s0.nacos')) === undefined);
    await until('the change', async () => (await addresses('s1.nacos'))?.length === 3);
    await idle(again);
    const after = await versions();
    const rewritten = [...after].filter(([name, version]) => before.get(name) !== version).map(([name]) => name);
    assert.deepEqual(rewritten, ['s1.nacos']);
    assert.equal(await again.writes(), 2);
  });

  it('never touches an object of others: not one of the same name, not a copy of its own, nor one of another sink', async () => {
    const entry = (name: string, labels: object) => ({
      ...{ apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name, labels } },
      spec: { hosts: ['orders.nacos'], ports: [{ number: 1, name: 'tcp', protocol: 'TCP' }], resolution: 'STATIC' },
    });
    const ours = {
      'app.kubernetes.io/managed-by': 'isthmus',
      'isthmus.io/site': 'hz-1',
      'isthmus.io/owner': 'kubernetes',
    };
    await writer.put(entries, entry('orders.nacos', {}));
    await writer.put(entries, entry('copy.nacos', ours));
    await writer.put(entries, entry('unwanted-copy.nacos', ours));
    await writer.put(entries, entry('other-site.nacos', { ...ours, 'isthmus.io/site': 'bj-1' }));
    const before = await writer.list(entries);
    const hosts = ['orders.nacos', 'copy.nacos', 'other-site.nacos', 'good.nacos'];
    catalog.put(...hosts.map((host) => catalogService(host, instances(1))));
    const { sink, warnings } = run();
    await until('the one good', async () => (await get('good.nacos')) !== undefined);
    await until('three conflicts', () => sink.status().conflictCount === 3);
    assert.match(sink.explain('orders.nacos')?.refused[0] ?? '', /it was not made by Isthmus/);
    assert.match(sink.explain('copy.nacos')?.refused[0] ?? '', /was not applied by us: a copy/);
    assert.match(sink.explain('other-site.nacos')?.refused[0] ?? '', /belongs to the site bj-1/);
    assert.equal(warnings.filter(({ msg }) => msg.includes('it is left alone')).length, 3);
    catalog.remove(...hosts);
    await until('the removal of the good', async () => (await get('good.nacos')) === undefined);
    assert.deepEqual(await writer.list(entries), before);
  });

  it('takes the place as soon as the other object is gone', async () => {
    await writer.put(entries, {
      ...{ apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name: 'orders.nacos' } },
      spec: { hosts: ['orders.nacos'] },
    });
    catalog.put(catalogService('orders.nacos', instances(1)));
    const { sink } = run();
    await until('the conflict', () => sink.status().conflictCount === 1);
    await writer.delete(`${entries}/orders.nacos`);
    await until('ours', async () => (await addresses('orders.nacos'))?.length === 1);
    await until('no conflict', () => sink.status().conflictCount === 0);
  });

  it('puts back what others have changed in an object of its own, and made anew one that they have deleted', async () => {
    catalog.put(catalogService('orders.nacos', instances(2)), catalogService('stock.nacos', instances(2)));
    await idle(run());
    await until('both', async () => (await versions()).size === 2);
    const patch = { spec: { endpoints: [{ address: '6.6.6.6', ports: { http: 1 } }] } };
    await writer.request('PATCH', `${entries}/orders.nacos`, patch, 'application/merge-patch+json');
    await writer.delete(`${entries}/stock.nacos`);
    await until('the own endpoints', async () => (await addresses('orders.nacos'))?.join() === '10.0.0.1,10.0.0.2');
    await until('the deleted one', async () => (await get('stock.nacos')) !== undefined);
  });

  it('lives with a field that others have added: it is not written again and again', async () => {
    catalog.put(catalogService('orders.nacos', instances(1)));
    const own = run();
    await until('it', async () => (await get('orders.nacos')) !== undefined);
    const patch = { metadata: { labels: { theirs: 'yes' } }, spec: { subjectAltNames: ['spiffe://theirs'] } };
    await writer.request('PATCH', `${entries}/orders.nacos`, patch, 'application/merge-patch+json');
    catalog.put(catalogService('orders.nacos', instances(2)));
    await until('the change', async () => (await addresses('orders.nacos'))?.length === 2);
    await idle(own);
    const resourceVersion = (await get('orders.nacos'))?.metadata['resourceVersion'];
    const writes = await own.writes();
    catalog.put(catalogService('other.nacos', instances(1)));
    await until('something else', async () => (await get('other.nacos')) !== undefined);
    await idle(own);
    const now = await get('orders.nacos');
    assert.deepEqual([now?.metadata['resourceVersion'], await own.writes()], [resourceVersion, writes + 1]);
    const labels = now?.metadata['labels'] as Record<string, string> | undefined;
    assert.equal(labels?.['theirs'], 'yes');
  });

  it('deletes nothing before the catalog is ready, nor before the sources of an object were read', async () => {
    catalog.put(catalogService('orders.nacos', instances(1)), catalogService('stock.nacos', instances(1)));
    await idle(run());
    await until('both', async () => (await versions()).size === 2);
    await running?.stop();
    catalog = new MemoryCatalog({ ready: false });
    let isRead = false;
    const { sink } = run({}, { isRead: () => isRead });
    await until('the connection', () => sink.status().connection.state === 'connected');
    await until('what is there to be known', () => sink.status().owned === 2);
    assert.equal(sink.status().pending, 0);
    catalog.put(catalogService('stock.nacos', instances(2)));
    catalog.becomeReady();
    await until('the change', async () => (await addresses('stock.nacos'))?.length === 2);
    await until('the deletion to be held', () => sink.status().heldCount === 1);
    assert.match(sink.status().held[0]?.reason ?? '', /delete is held: nacos-hz has not been read whole yet/);
    assert.ok(await get('orders.nacos'));
    isRead = true;
    await until('the deletion', async () => (await get('orders.nacos')) === undefined);
  });

  for (const [policy, expected] of [
    ['upsert-only', ['new.nacos', 'old.nacos']],
    ['dry-run', ['old.nacos']],
  ] as const) {
    it(`with the policy ${policy} does no more than that`, async () => {
      catalog.put(catalogService('old.nacos', instances(1)));
      await idle(run());
      await until('it', async () => (await versions()).size === 1);
      await running?.stop();
      catalog.remove('old.nacos');
      catalog.put(catalogService('new.nacos', instances(1)));
      const { sink } = run({ policy });
      await until('the plan', () => sink.status().heldCount === (policy === 'dry-run' ? 2 : 1));
      await until('it to be done', async () => [...(await versions()).keys()].sort().join() === expected.join());
      assert.ok(sink.status().held.some(({ reason }) => reason === `delete is held: the policy is ${policy}`));
    });
  }

  it('keeps the last good copy of a service that istiod would refuse, also after a restart', async () => {
    catalog.put(catalogService('orders.nacos', instances(1)));
    await idle(run());
    await until('it', async () => (await get('orders.nacos')) !== undefined);
    const bad = catalogService('orders.nacos', instances(2), {
      ports: [
        { name: 'a', number: 80, protocol: 'http' },
        { name: 'b', number: 80, protocol: 'http' },
      ],
    });
    catalog.put(bad);
    await until('the refusal', () => running?.sink.status().invalidCount === 1);
    await running?.stop();
    const { sink } = run();
    await until('the refusal', () => sink.status().invalidCount === 1);
    await until('the hold', () => sink.status().heldCount === 1);
    assert.equal((await addresses('orders.nacos'))?.length, 1);
    assert.match(sink.explain('orders.nacos')?.refused.join() ?? '', /port 80 is there twice/);
  });

  it('says what is wrong when its namespace is not there, and goes on when it is', async () => {
    catalog.put(catalogService('orders.nacos', instances(1)));
    const { sink } = run({ namespace: 'later' });
    await until('the failure', () => sink.status().failingCount === 1);
    assert.match(sink.explain('orders.nacos')?.refused[0] ?? '', /namespaces \\"later\\" not found/);
    await writer.namespace('later');
    const later = `${api}/namespaces/later/serviceentries`;
    await until('it', async () => (await writer.list(later)).length === 1);
    await until('no failure', () => sink.status().failingCount === 0);
    catalog.remove('orders.nacos');
    await until('its end', async () => (await writer.list(later)).length === 0);
  });

  it('goes on after the API was away, and does what was to be done in the meantime', async () => {
    catalog.put(...['a', 'b', 'c'].map((name) => catalogService(`${name}.nacos`, instances(1))));
    const own = run();
    await until('all', async () => (await versions()).size === 3);
    await idle(own);
    await kube.kill();
    catalog.remove('a.nacos');
    catalog.put(catalogService('b.nacos', instances(2)), catalogService('d.nacos', instances(1)));
    await until('the outage to be seen', () => own.sink.status().connection.state === 'failing');
    assert.equal(own.sink.status().ready, true);
    await kube.start();
    await until('the change', async () => (await addresses('b.nacos'))?.length === 2, 60_000);
    await until('the state of the catalog', async () => {
      return [...(await versions()).keys()].sort().join() === 'b.nacos,c.nacos,d.nacos';
    });
    assert.equal(own.sink.status().connection.state, 'connected');
  });

  it('writes endpoints as WorkloadEntries where asked: a change of one touches that one alone', async () => {
    catalog.put(catalogService('orders.nacos', instances(3)));
    const own = run({ endpoints: 'workload-entries' });
    await until('three', async () => (await writer.list(workloads)).length === 3);
    await until('the ServiceEntry', async () => (await get('orders.nacos')) !== undefined);
    await idle(own);
    const entry = (await get('orders.nacos'))?.metadata['resourceVersion'];
    const writes = await own.writes();
    assert.equal(writes, 4);
    catalog.put(
      catalogService('orders.nacos', [...instances(2), anInstance('i2', { address: '10.0.0.3', weight: 5 })]),
    );
    await until('the change', async () =>
      (await writer.list(workloads)).some((each) => (each['spec'] as { weight: number }).weight === 5),
    );
    await idle(own);
    assert.deepEqual(
      [(await get('orders.nacos'))?.metadata['resourceVersion'], await own.writes()],
      [entry, writes + 1],
    );
    catalog.remove('orders.nacos');
    await until('their end', async () => (await writer.list(workloads)).length === 0);
    await until('its end', async () => (await get('orders.nacos')) === undefined);
  });
});
