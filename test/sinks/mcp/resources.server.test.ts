import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsumerTable } from '../../../core/source/consumer-table.js';
import { declaredConsumers } from '../../../core/source/declared-consumers.js';
import { type IstiodServer, startIstiod } from '../../servers/istiod.js';
import { AdsClient } from '../../support/ads-client.js';
import { http } from '../../support/http.js';
import { anInstance } from '../../support/model.js';
import { poll } from '../../support/poll.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { type RunningSink, runSink } from '../support/running-sink.js';
import { catalogService, instances } from '../support/services.js';

interface Config {
  readonly kind: string;
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

const cluster = (host: string) => `outbound|80||${host}`;

describe('rules and Sidecars of the MCP sink, and a real istiod', function () {
  this.timeout(240_000);
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-resources-'));
  const catalog = new MemoryCatalog();
  const table = new ConsumerTable();
  const consume = (service: string, ...applications: string[]) =>
    table.set(
      service,
      applications.map((application) => ({ id: application, application, address: '', metadata: {} })),
    );
  let sink: RunningSink;
  let istiod: IstiodServer;
  /** Proxies of the application `shop`, of one that declares nothing, and of another namespace. */
  let shop: AdsClient;
  let other: AdsClient;
  let elsewhere: AdsClient;

  before(async () => {
    catalog.put(
      catalogService('pay.nacos', instances(2), { metadata: { team: 'Pay Team', owner: 'anna' } }),
      catalogService('ship.nacos', instances(2)),
      catalogService('mail.nacos', instances(2)),
    );
    consume('pay.nacos', 'shop');
    const consumers = declaredConsumers(new Map([['nacos-hz', table]]));
    sink = await runSink(
      catalog,
      {
        shards: 2,
        namespace: 'from-{source}',
        rules: [
          {
            match: { host: 'pay.*' },
            namespace: '{metadata.team|label}',
            exportTo: ['.', 'pay-team', 'apps'],
            serviceLabels: ['owner'],
            addLabels: { 'security.istio.io/tlsMode': 'istio' },
            subjectAltNames: ['spiffe://cluster.local/ns/{source}/sa/{service}'],
          },
        ],
        sidecars: { namespace: 'apps', hosts: ['istio-system/*'], settleMs: 0 },
      },
      { consumers, dataDir: dir },
    );
    istiod = await startIstiod({ configSources: [`xds://${sink.address}`] });
    shop = new AdsClient(istiod.adsAddress, { namespace: 'apps', labels: { app: 'shop' } });
    other = new AdsClient(istiod.adsAddress, { namespace: 'apps', labels: { app: 'other' } });
    elsewhere = new AdsClient(istiod.adsAddress, { namespace: 'elsewhere' });
  });

  after(async () => {
    for (const client of [shop, other, elsewhere]) client?.close();
    await istiod?.stop();
    await sink?.stop();
    rmSync(dir, { recursive: true });
  });

  async function held(kind: string): Promise<Config[]> {
    const { body } = await http(`${istiod.url}/debug/configz`);
    return (JSON.parse(body) as Config[]).filter((config) => config.kind === kind);
  }

  it('takes namespace, labels, names and visibility by rule', async () => {
    const entry = await poll(async () =>
      (await held('ServiceEntry')).find(({ metadata }) => metadata.name === 'pay.nacos'),
    );
    assert.equal(entry.metadata.namespace, 'pay-team');
    assert.deepEqual(entry.metadata.labels, { owner: 'anna' });
    assert.deepEqual(entry.spec['exportTo'], ['.', 'apps']);
    assert.deepEqual(entry.spec['subjectAltNames'], ['spiffe://cluster.local/ns/nacos-hz/sa/pay.nacos']);
    const [endpoint] = entry.spec['endpoints'] as { labels: object }[];
    assert.deepEqual(endpoint?.labels, { 'security.istio.io/tlsMode': 'istio' });
    await elsewhere.waitForCluster(cluster('ship.nacos'));
    assert.ok(!elsewhere.clusters.has(cluster('pay.nacos')), 'it is not exported there');
    const rest = (await held('ServiceEntry')).filter(({ metadata }) => metadata.name !== 'pay.nacos');
    assert.deepEqual([...new Set(rest.map(({ metadata }) => metadata.namespace))], ['from-nacos-hz']);
  });

  it('shows an application what it declares to consume, and the others everything', async () => {
    await shop.waitForCluster(cluster('pay.nacos'));
    await shop.waitForCluster(cluster('ship.nacos'), { present: false });
    for (const host of ['pay.nacos', 'ship.nacos', 'mail.nacos']) await other.waitForCluster(cluster(host));
    await shop.waitForEndpoints(cluster('pay.nacos'), (list) => list.length === 2);
    const [sidecar, ...more] = await held('Sidecar');
    assert.deepEqual(more, []);
    assert.deepEqual(
      [sidecar?.metadata.namespace, sidecar?.metadata.name, sidecar?.spec],
      [
        'apps',
        'isthmus-shop',
        { egress: [{ hosts: ['*/pay.nacos', 'istio-system/*'] }], workloadSelector: { labels: { app: 'shop' } } },
      ],
    );
  });

  it('shows it more as it declares more, and no less when it declares less', async () => {
    consume('ship.nacos', 'shop');
    await shop.waitForCluster(cluster('ship.nacos'));
    consume('pay.nacos');
    catalog.put(catalogService('mail.nacos', instances(3)));
    await other.waitForEndpoints(cluster('mail.nacos'), (list) => list.length === 3);
    assert.ok(shop.clusters.has(cluster('pay.nacos')));
    assert.ok(!shop.clusters.has(cluster('mail.nacos')));
  });

  it('keeps the last good copy when a namespace is none after templating, and tells why', async () => {
    catalog.put(catalogService('pay.nacos', instances(5), { metadata: {} }));
    await poll(() => sink.sink.status().invalidCount === 1);
    assert.deepEqual(sink.sink.explain('pay.nacos')?.refused, [
      'the template {metadata.team|label} needs metadata.team',
    ]);
    catalog.put(catalogService('ship.nacos', instances(3)));
    await other.waitForEndpoints(cluster('ship.nacos'), (list) => list.length === 3);
    assert.equal((await shop.waitForEndpoints(cluster('pay.nacos'), () => true)).length, 2);
  });

  it('sends nothing that istiod refuses, whatever registries hold', async () => {
    const odd = ['', ' ', 'A', 'a'.repeat(300), '-', 'ü', '*', 'a/b', '{x}', '..', '1'];
    const sent = odd.flatMap((value, index) => [
      catalogService(`team-${index}.pay.x`, [anInstance('a', { metadata: { version: value, app: value } })], {
        metadata: { team: value, owner: value, [value]: 'x' },
      }),
      catalogService(`pay.${index}.x`, instances(1), { metadata: { team: value, owner: value } }),
    ]);
    catalog.put(...sent);
    for (const [index, value] of odd.entries()) consume('mail.nacos', ...odd.slice(0, index), value);
    catalog.put(catalogService('last.nacos', instances(1)));
    await other.waitForCluster(cluster('last.nacos'));
    const entries = new Set((await held('ServiceEntry')).map(({ metadata }) => metadata.name));
    const refused = new Set(sink.sink.status().invalid.map(({ host }) => host));
    for (const { host } of sent) assert.notEqual(entries.has(host), refused.has(host), host);
    const status = sink.sink.status().sidecars;
    const sidecars = await poll(async () => {
      const all = await held('Sidecar');
      return all.length === sink.sink.status().sidecars?.resources && all;
    });
    assert.ok(sidecars.length > 2 && (status?.invalidCount ?? 0) > 2, `${sidecars.length}`);
    assert.doesNotMatch(istiod.logs(2000), /Invalid data|Error adding|Error updating|Error unmarshalling/);
  });
});
