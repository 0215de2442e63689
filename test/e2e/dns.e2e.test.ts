import assert from 'node:assert/strict';
import { type DnsServer, startDnsServer } from '../servers/dns.js';
import { poll } from '../support/poll.js';
import { type Isthmus, startIsthmus } from './support/isthmus.js';
import { onDisk } from './support/on-disk.js';

describe('DNS names in the daemon', function () {
  this.timeout(120_000);
  let dns: DnsServer;
  let isthmus: Isthmus;

  before(async () => {
    dns = await startDnsServer();
    await dns.setZone(
      [
        'test. 60 IN SOA ns.test. admin.test. 1 60 60 60 2',
        'orders.test. 1 IN A 10.0.0.1',
        '_http._tcp.shop.test. 1 IN SRV 0 5 8081 one.test.',
        'one.test. 1 IN A 10.0.0.2\n',
      ].join('\n'),
    );
    const names = [
      { name: 'orders', host: 'orders.test', port: 8080 },
      { name: 'shop', host: '_http._tcp.shop.test', type: 'SRV' },
    ];
    isthmus = await startIsthmus({
      sources: [{ name: 'names', kind: 'dns', servers: [dns.address], minIntervalMs: 200, timeoutMs: 500, names }],
    });
  });
  after(async () => {
    await isthmus?.stop();
    await dns?.stop();
  });

  const addresses = async (host: string) => (await isthmus.instances(host)).map(({ address }) => address);

  it('are in the catalog, by address and by SRV', async () => {
    await isthmus.sourceIs('names', 'fresh');
    await poll(async () => (await addresses('orders.dns')).join() === '10.0.0.1', { what: 'orders' });
    const [instance] = await isthmus.instances('shop.dns');
    assert.equal(instance?.address, '10.0.0.2');
    assert.deepEqual(instance?.ports, { http: 8081 });
  });

  it('stay while their server is dead, also over a kill of Isthmus', async () => {
    await onDisk(isthmus, '10.0.0.2');
    await dns.kill();
    await isthmus.sourceIs('names', 'degraded');
    assert.deepEqual(await addresses('orders.dns'), ['10.0.0.1']);
    await isthmus.kill();
    await isthmus.start();
    await poll(async () => (await addresses('orders.dns')).join() === '10.0.0.1', {
      what: 'what was kept on disk',
      timeoutMs: 60_000,
    });
    assert.deepEqual(await addresses('shop.dns'), ['10.0.0.2']);
  });
});
